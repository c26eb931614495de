// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { App } from "./app";
import { applyLanguage, applyTheme, currentTheme } from "./i18n";
import { live } from "./live";
import "./style.css";

applyTheme(currentTheme());
const root = document.getElementById("app");
applyLanguage().finally(() => root && render(<App />, root));
live();
