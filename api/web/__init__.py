"""HTTP for all routes: problems, request ids, log, limits, headers, inputs, OpenAPI document."""
