"""The printable sheet of a recorded decision."""

from apiflask import APIBlueprint
from flask import Response

from api import issued
from api.routes.decisions import readable
from api.web.inputs import SheetQuery
from api.web.methods import records
from api.web.openapi import responses

blueprint = APIBlueprint("sheets", __name__, url_prefix="/decisions", tag="Decisions")

#: The sheet has its own style; it runs no script and loads nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@blueprint.get("/<decision>/sheet")
@records
@blueprint.input(SheetQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(404, 409, 422, 503, forms=["text/html"], json=False))
def sheet(decision: str, query: SheetQuery) -> Response:
    """The sheet for the client: decision, reasons, and how to ask for a person; one A4 page.

    Its first issue in a language is recorded, and given again from then on. A key without the scope
    ``review`` gets the sheets of the decisions that it recorded itself.
    """
    content = issued.sheet(readable(decision), query.lang)
    response = Response(content, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Content-Language"] = query.lang
    return response
