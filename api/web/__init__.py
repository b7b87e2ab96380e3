"""What every route shares of HTTP: problems, request ids and journal, limits, headers, inputs."""
