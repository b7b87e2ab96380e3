"""From raw tables to one row of features per client, by declared rows and one engine."""
