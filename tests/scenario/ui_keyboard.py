#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""The dashboard without a mouse: on every page the tabulator reaches each control in its order, and one sees where one is; an action from
its button to its end and back by keys alone. In both languages and themes, on a narrow screen, and what the frame leads to."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, expect  # noqa: E402
from screen import ALL_ROLES, PICTURES, Screen, axe  # noqa: E402
from sites import SiteLab  # noqa: E402

PAGES = ("", "certificates", "sites", "inventory", "agents", "alerts", "approvals", "acme", "policy", "ca", "audit", "reports", "trust",
         "operators", "settings")
TABS_MAX = 600  # on one page

# What can be used, in the order of the document.
CONTROLS = """[...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter(
    e => !e.disabled && e.type !== 'hidden' && e.checkVisibility())"""
# Where the focus comes, and whether that is to be seen.
WATCH = """window.reached = []; window.unseen = [];
    document.addEventListener('focusin', e => {
        window.reached.push(e.target);
        const style = getComputedStyle(e.target);
        if (e.target !== document.body && style.outlineStyle === 'none' && style.boxShadow === 'none') window.unseen.push(e.target.outerHTML);
    });"""


def walk(screen, path):
    page = screen.page
    screen.go(path)
    page.evaluate("document.activeElement.blur()")
    page.evaluate(WATCH)
    wanted = page.evaluate(CONTROLS + ".length")
    for _ in range(min(wanted + 1, TABS_MAX)):
        page.key("Tab")
    missed = page.evaluate(CONTROLS + ".filter(e => !window.reached.includes(e)).map(e => e.outerHTML.slice(0, 200))")
    if missed:
        sys.exit(f"/ui/{path}: Tab does not reach {missed}")
    if page.evaluate("""!window.reached.every((e, i) => i === 0 || e === window.reached[0]
                        || window.reached[i - 1].compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING)"""):
        sys.exit(f"/ui/{path}: Tab goes back and forth")
    unseen = page.evaluate("window.unseen")
    if unseen:
        sys.exit(f"/ui/{path}: the focus cannot be seen on {unseen}")
    print(f"/ui/{path}: {wanted} controls", flush=True)


def focused(screen):
    return screen.page.evaluate("(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').trim()")


def tab_to(screen, name, at_most=80):
    for _ in range(at_most):
        if focused(screen) == name:
            return
        screen.page.key("Tab")
    sys.exit(f"Tab does not come to {name}, but to {focused(screen)}")


def pressable(page, name):
    """The dialog has drawn what was typed."""
    button = page.dialog.get_by_role("button", name=name, exact=True)
    button.and_(page.locator(":enabled")).wait_for()


def frozen(lab):
    return json.loads(lab.autarky("status", "--json"))["frozen"]


def an_action(screen, lab):
    """Opened, left, opened again, filled in and gone through with; at its end one is where one was."""
    page = screen.page
    screen.go("", "Overview")
    tab_to(screen, "Freeze issuance …")
    page.key("Enter")
    page.dialog.wait_for()
    axe(screen, "a dialog")
    page.types("left.hospital.example")
    page.key("Escape")
    page.dialog.wait_none()
    if focused(screen) != "Freeze issuance …":
        sys.exit(f"the focus does not come back from the dialog: {focused(screen)}")
    page.key("Space")
    page.dialog.wait_for()
    if page.dialog.get_by_label("Only this domain").input_value():
        sys.exit("a dialog that was left comes again as it was")
    page.types(f"keys.{DOMAIN}")
    page.key("Tab", "Space", "Tab")
    page.types("INC-9")
    page.key("Tab")
    page.types("freeze")
    pressable(page, "Freeze issuance …")  # or Tab goes past it
    tab_to(screen, "Freeze issuance …", 4)
    page.key("Enter")
    page.dialog.get_by_role("status").wait_for()
    lock = frozen(lab)[0]
    if lock["value"] != f"keys.{DOMAIN}" or not lock["renewals"] or lock["reason"] != "INC-9":
        sys.exit(f"what was typed is not what was done: {lock}")
    tab_to(screen, "Close", 4)
    page.key("Enter")
    page.dialog.wait_none()
    screen.says("INC-9")
    tab_to(screen, "Thaw")
    page.key("Enter")
    page.dialog.wait_for()  # which takes the focus, and with it what is typed
    page.types("over")
    page.key("Tab")
    page.types(f"keys.{DOMAIN}")
    pressable(page, "Thaw")
    page.key("Enter")  # as in any form
    page.dialog.get_by_role("status").wait_for()
    page.key("Escape")
    if frozen(lab):
        sys.exit("it is frozen still")


def inside(screen):
    """Tab does not leave an open dialog for the page behind it."""
    page = screen.page
    screen.go("", "Overview")
    screen.press("Freeze issuance …")
    page.dialog.wait_for()
    for _ in range(12):
        page.key("Tab")
        if not page.evaluate("document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body"):
            sys.exit(f"Tab leads out of the dialog to {focused(screen)}")
    page.key("Escape")
    page.dialog.wait_none()


def going_on(screen):
    """A link by Enter: the new page takes the focus. The first Tab offers to skip the menu."""
    page = screen.page
    screen.go("", "Overview")
    page.key("Tab")
    if focused(screen) != "To the page":
        sys.exit(f"the first is {focused(screen)}")
    page.key("Enter", "Tab")
    if not page.evaluate("document.querySelector('main').contains(document.activeElement)"):
        sys.exit(f"the menu is not skipped: {focused(screen)}")
    screen.go("", "Overview")
    tab_to(screen, "Certificates")
    page.key("Enter")
    screen.drawn("Certificates")
    page.until("document.activeElement.tagName === 'H1'")
    page.key("Tab")
    if not page.evaluate("document.querySelector('main').contains(document.activeElement)"):
        sys.exit("from the heading one does not come into the page")


def narrow(screen):
    """The menu is behind a button, and away when one has gone somewhere."""
    page = screen.page
    page.screen(390)
    screen.go("", "Overview")
    menu = page.get_by_role("navigation", name="Pages")
    if menu.get_by_role("link").count():
        sys.exit("the menu is there unasked")
    button = menu.get_by_role("button", name="Pages")
    button.click()
    menu.get_by_role("button", name="Pages", expanded=True).wait_for()
    if PICTURES:
        page.picture(f"{PICTURES}/menu-390-light.png")
    axe(screen, "the menu on a narrow screen")
    menu.get_by_role("link", name="Certificates", exact=True).click()
    screen.drawn("Certificates")
    menu.get_by_role("link").first().wait_for(state="hidden")
    page.screen(1280)


def languages_and_themes(screen):
    page = screen.page
    screen.go("", "Overview")
    page.get_by_role("combobox", name="Language", exact=True).select_option("zh")
    screen.drawn("总览")
    for path, heading in (("", "总览"), ("certificates", "证书"), ("alerts", "告警"), ("operators", "操作员")):
        screen.go(path)
        if page.evaluate("document.documentElement.lang") != "zh-CN":
            sys.exit("the page does not say that it is Chinese")
        expect(page.get_by_role("heading", level=1).inner_text(), heading, f"/ui/{path}")
        axe(screen, f"/ui/{path} in Chinese")
        if PICTURES:
            page.picture(f"{PICTURES}/{path or 'overview'}-zh.png")
    page.get_by_role("combobox", name="语言", exact=True).select_option("en")
    screen.drawn("Operators")

    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    theme = page.get_by_role("combobox", name="Colours", exact=True)
    theme.select_option("dark")
    dark = ground()
    screen.go("", "Overview")
    if ground() != dark:
        sys.exit("the theme is not kept")
    theme.select_option("light")
    if ground() == dark:
        sys.exit("light is not another colour than dark")
    theme.select_option("auto")
    page.emulate_media(color_scheme="dark")
    page.until(f"getComputedStyle(document.body).backgroundColor === {json.dumps(dark)}")
    page.emulate_media(color_scheme="light")
    screen.quiet("languages and themes")


def the_frame(screen):
    """What is at the foot of each page, and what is nowhere."""
    page = screen.page
    screen.go("", "Overview")
    foot = page.get_by_role("contentinfo")
    foot.get_by_role("link", name="Licences").click()
    page.get_by_text("preact").wait()
    page.go_back()
    screen.drawn("Overview")
    foot.get_by_role("link", name="API").click()
    page.get_by_text('"openapi"').wait()
    screen.quiet("what is no page", "/favicon.ico")  # Chromium looks for one beside a plain file
    screen.go("settings", "Settings")
    screen.card("Processes").get_by_text("Show them").first().click()
    page.locator("details[open] small").first().wait_for()
    screen.go("", "Overview")
    screen.card("Health").locator("summary").click()
    screen.table("Health").wait_for()
    screen.press("Check again")
    screen.says("Checked at")


def copying(screen):
    page = screen.page
    screen.go("trust", "Trust")
    row = screen.table("Roots").get_by_role("row").nth(1)
    shown = row.locator("code").inner_text()
    screen.press("Copy", row)
    row.get_by_role("button", name="Copied", exact=True).wait_for()
    if page.evaluate("navigator.clipboard.readText()") != shown.replace(" ", "").lower():
        sys.exit("what is copied is not what is shown")
    other = screen.main.get_by_role("link", name="The page for machines, with files and instructions").popup()
    other.get_by_role("heading", level=1).wait()
    expect(other.text.replace(":", ""), shown.replace(" ", ""), "the digest on the page for machines")
    other.close()


def main():
    if PICTURES:
        pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
    with SiteLab(sites=[{"name": f"wiki.{DOMAIN}", "backends": ["http://127.0.0.1:9"]}], init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        lab.autarky("scan", lab.listeners()["api"][0], ok=(0, 3))
        screen = Screen(lab, "alice", ALL_ROLES)
        for path in PAGES:
            walk(screen, path)
        an_action(screen, lab)
        inside(screen)
        going_on(screen)
        narrow(screen)
        languages_and_themes(screen)
        the_frame(screen)
        copying(screen)
        screen.quiet("at the end")
        screen.close()


main()
