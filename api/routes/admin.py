"""Operations that change what the service answers."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, current_app, request

from api.answers.health import Ready
from api.reload import count_reload, reload_all_workers
from api.service import keeper_of
from api.web.journal import request_id
from api.web.openapi import responses
from api.web.problems import problem
from project_tools.errors import CreditError

blueprint = APIBlueprint("admin", __name__, tag="Operations")


@blueprint.post("/admin/reload")
@blueprint.doc(responses=responses(409, 415))
def reload_model() -> Response | Ready:
    """Verify the model at its path and answer from it; 409 if it is refused and the former one stays.

    The body is empty or ``{}``.
    """
    if b"".join(request.get_data().split()) not in (b"", b"{}"):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this address takes no body but {}")
    try:
        digest = keeper_of(current_app).reload()
    except CreditError as why:
        current_app.logger.error(
            "model refused", extra={"request_id": request_id(), "reason": str(why)}
        )
        count_reload("refused")
        return problem(HTTPStatus.CONFLICT, "The model was refused; the server's log says why.")
    reload_all_workers()
    return Ready(status="ready", model=digest)
