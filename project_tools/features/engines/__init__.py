"""What computes the features: DuckDB, Polars or Spark, behind one interface (``engine.Engine``)."""
