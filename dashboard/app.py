"""The dashboard: ``streamlit run dashboard/app.py``. Its only source is the API, by HTTP."""

import streamlit as st
from page import open_client, sidebar
from page.failures import whole_page

ABOUT = "Decisions of a credit scoring model, and the reasons for them."


def main() -> None:
    st.set_page_config(page_title="Credit decisions", layout="wide", menu_items={"About": ABOUT})
    page = st.navigation(
        [
            st.Page("app_pages/client_page.py", title="Client", default=True),
            st.Page("app_pages/model_page.py", title="Model", url_path="model"),
        ],
        position="top",
    )
    with whole_page():
        connection = open_client.connect()
        with st.sidebar:
            opened = sidebar.choose(connection)
        open_client.publish(opened)
        open_client.change_notice()
        page.run()


main()
