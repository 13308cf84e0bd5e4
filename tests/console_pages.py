"""The console's pages, in one table for all tests of every page, and for the pictures of them."""

from typing import Final

# Under /console; each opens by its address alone.
PAGES: Final = [
    "",
    "/keys",
    "/members",
    "/webhooks",
    "/profile",
    "/tenants",
    "/usage",
    "/meters",
    "/prices",
    "/alerts",
    "/events",
    "/set-aside",
    "/statements",
    "/costs",
    "/costs/forecast",
    "/costs/anomalies",
    "/budgets",
    "/resources",
    "/recommendations",
    "/recommendations/rules",
    "/automation",
    "/folders",
    "/imports",
    "/gcore",
    "/gcore/reports",
    "/activity",
    "/builds",
    "/builds/all",
]
# Forms for something new.
FORMS: Final = ["/meters/new", "/prices/new", "/alerts/new", "/budgets/new", "/automation/new"]
# Beside the console, in full: what needs nobody to be signed in, and what shows more to whom it knows.
DOORS: Final = ["/console/sign-in", "/console/forgotten-password", "/console/new-password/x"]
BESIDE: Final = ["/console/nothing", "/docs", "/redoc", "/api/v1/", "/api/v1/builds", "/api/v1/meters"]
# A page of one thing, reached from a list by the first link that begins so, and so on.
ONES: Final[dict[str, tuple[str, ...]]] = {
    "event": ("/events", "/console/events/"),
    "statement": ("/statements", "/console/statements/"),
    "build": ("/builds/all", "/console/builds/"),
    "meter": ("/meters", "/console/meters/"),
    "price": ("/prices", "/console/prices/"),
    "alert": ("/alerts", "/console/alerts/"),
    "webhook": ("/webhooks", "/console/webhooks/"),
    "resource": ("/resources", "/console/resources/"),
    "recommendation": ("/recommendations", "/console/recommendations/"),
    "recommendation-rule": ("/recommendations/rules", "/console/recommendations/rules/"),
    "automation-rule": ("/automation", "/console/automation/"),
    "folder": ("/folders", "/console/folders/"),
    "product": ("/folders", "/console/products/"),
    "product-by-hand": ("/folders", "/console/products/", "/console/products/"),
    "import": ("/imports", "/console/imports/"),
    "budget": ("/budgets", "/console/budgets/"),
}


def first_thing(links: list[str], here: str, begins: str) -> str | None:
    """The first link that leads to one thing, and neither to a list, a form for a new one, nor `here`."""
    others = {f"/console{path}" for path in PAGES} | {here}
    return next(
        (
            link
            for link in links
            if link.startswith(begins) and link not in others and not link.endswith("/new")
        ),
        None,
    )


def name_of(path: str) -> str:
    """`/costs/forecast` → costs-forecast."""
    return path.strip("/").replace("/", "-") or "home"
