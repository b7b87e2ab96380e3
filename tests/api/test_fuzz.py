"""Requests that schemathesis makes of the whole OpenAPI document, right ones and wrong ones.

No answer is a 5xx of ours, and none is outside of what the document describes.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.tests.running import application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: A model is reloaded and a picture drawn for seconds: both have tests of their own.
LEFT_OUT = r"^/(admin/|local_shap|global_shap)"
EXAMPLES = 60


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_described_and_none_is_a_failure_of_ours(mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_wsgi("/openapi.json", application())
    tried = set()
    for found in document.exclude(path_regex=LEFT_OUT).get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not list(operation.iter_parameters()):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def is_described(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)
            tried.add(case.path)

        is_described()
    assert "/prediction/{client}" in tried
    assert len(tried) > (4 if mode is GenerationMode.NEGATIVE else 12)
