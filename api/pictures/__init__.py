"""Pictures, drawn by one process per host: the workers that score import no matplotlib."""
