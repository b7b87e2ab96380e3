"""The declared features, one module for each raw table. A feature is added here, as a row."""
