"""A client beside others of the same kind."""

from typing import Any

from apiflask import APIBlueprint

from api.service import service
from api.web.inputs import PeersQuery, client_id
from project_tools.serving.peers import peers

blueprint = APIBlueprint("peers", __name__, tag="Clients")


@blueprint.get("/peers/<client>")
@blueprint.input(PeersQuery, location="query", arg_name="asked")
def compare(client: str, asked: PeersQuery) -> dict[str, Any]:
    """Counts per class over the client's group; the rows of others never leave."""
    known = service()
    return peers(known.artefact, known.store, client_id(client), asked.group, asked.feature)
