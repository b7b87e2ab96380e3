"""A client beside others of the same kind."""

from apiflask import APIBlueprint

from api.answers.peers import Peers
from api.routes.explanations import spoken
from api.service import current_service
from api.web.inputs import PeersQuery, client_id, current_portfolio
from api.web.openapi import responses
from project_tools.serving import peers as serving

blueprint = APIBlueprint("peers", __name__, tag="Clients")


@blueprint.get("/peers/<client>")
@blueprint.input(PeersQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(400, 404, 422, 503))
def peers(client: str, query: PeersQuery) -> Peers:
    """Counts per class over the client's group; the answer holds no row of another client.

    The words are in the language of ``Accept-Language``. A protected feature is 422.
    """
    service = current_service()
    return Peers.model_validate(
        serving.peers(
            service.artefact,
            service.store,
            client_id(client),
            query.group,
            query.feature,
            language=spoken(),
            known=current_portfolio() is None,
        )
    )
