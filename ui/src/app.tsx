// SPDX-License-Identifier: Apache-2.0
// The frame: who is signed in, where one can go, and the page.
import { useEffect, useState } from "preact/hooks";
import { form, licences, may, roles, useApi, user, version } from "./api";
import {
  applyTheme,
  currentLanguage,
  currentTheme,
  keep,
  type Language,
  languageNames,
  setLanguage,
  type Theme,
  t,
} from "./i18n";
import { pages } from "./pages";
import { link, useRoute } from "./router";
import type { StatusAnswer } from "./types";

function Preferences({ redraw }: { redraw: () => void }) {
  const [theme, setTheme] = useState<Theme>(currentTheme);
  const choose = (next: Theme) => {
    keep("autarky-theme", next);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <>
      <label>
        <span class="hidden">{t("language")}</span>
        <select
          value={currentLanguage()}
          onChange={e => setLanguage(e.currentTarget.value as Language).finally(redraw)}
        >
          {Object.entries(languageNames).map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">{t("theme")}</span>
        <select value={theme} onChange={e => choose(e.currentTarget.value as Theme)}>
          <option value="auto">{t("theme_auto")}</option>
          <option value="light">{t("theme_light")}</option>
          <option value="dark">{t("theme_dark")}</option>
        </select>
      </label>
    </>
  );
}

function SignOut() {
  return (
    <form action="/ui/sign-out" method="post">
      <input type="hidden" name="form" value={form} />
      <button type="submit">{t("sign_out")}</button>
    </form>
  );
}

function Menu({ at }: { at: string }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [at]);
  return (
    <nav aria-label={t("pages")}>
      <button type="button" class="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        ☰ {t("pages")}
      </button>
      <ul class={open ? "open" : ""}>
        {pages
          .filter(p => may(p.command))
          .map(p => (
            <li key={p.path}>
              <a
                href={link(p.path)}
                {...(p.path === at ? { "aria-current": "page" as const } : {})}
              >
                {t(p.title)}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  );
}

export function App() {
  const { page, query } = useRoute();
  const [, redraw] = useState({});
  const status = useApi<StatusAnswer>("status");
  // Whoever may not see the overview begins with what is there for them.
  const first = pages.find(p => may(p.command));
  const found =
    pages.find(p => p.path === page && may(p.command)) ?? (page === "" ? first : undefined);
  const View = found?.view;
  return (
    <div class="frame">
      <a class="skip" href="#main">
        {t("skip")}
      </a>
      <header>
        <div class="brand">
          <b>{status.data?.organization ?? "Autarky"}</b>
          <span>{status.data?.domain}</span>
        </div>
        <div class="who">
          <Preferences redraw={() => redraw({})} />
          <span class="user">
            {user || t("by_link")} <small class="faint">{roles.replaceAll(",", ", ")}</small>
          </span>
          <SignOut />
        </div>
      </header>
      <Menu at={found?.path ?? page} />
      <main id="main" tabIndex={-1}>
        {View ? (
          <View query={query} />
        ) : (
          <>
            <h1>{t("nothing_here")}</h1>
            <p>{t("nothing_here_text")}</p>
          </>
        )}
      </main>
      <footer>
        Autarky {version} · <a href={licences}>{t("licences")}</a> ·{" "}
        <a href="/api/v1/openapi.json">API</a>
      </footer>
    </div>
  );
}
