"""The engines that compute the features: DuckDB, Polars or Spark, each an ``engine.Engine``."""
