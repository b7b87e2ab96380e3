"""What holds for all tests."""

from project_tools.entry import share_cores

# Before any test's module loads LightGBM: spinning threads made the suite wait for itself.
share_cores()
