"""The pydantic model of each answer, a module per subject. The OpenAPI document is made from them."""
