// SPDX-License-Identifier: Apache-2.0
// Words. en.ts has every key; zh.ts has the type of it, so that neither lacks one.
import { en } from "./en";

export type Key = keyof typeof en;
export type Catalogue = Record<Key, string>;
export type Language = "en" | "zh";
export const languageNames: Record<Language, string> = { en: "English", zh: "中文" };

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
}

export function keep(name: string, value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // then for this page only
  }
}

const wanted = kept("autarky-language") ?? navigator.language.slice(0, 2);
let language: Language = wanted === "zh" ? "zh" : "en";
let words: Catalogue = en;

export function currentLanguage(): Language {
  return language;
}

export async function setLanguage(next: Language) {
  keep("autarky-language", next);
  language = next;
  await applyLanguage();
}

// Only who reads Chinese loads its words.
export async function applyLanguage() {
  words = language === "zh" ? (await import("./zh")).zh : en;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

// The words of a key, with {0}, {1} filled in.
export function t(key: Key, ...values: (string | number)[]): string {
  return words[key].replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)] ?? ""));
}

// A word that the server says, "valid", "stale": translated where we know it, otherwise as it came.
export function word(text: string): string {
  const key = `w_${text.replace(/[ -]/g, "_")}`;
  return key in words ? words[key as Key] : text;
}

export type Theme = "auto" | "light" | "dark";

export function currentTheme(): Theme {
  const theme = kept("autarky-theme");
  return theme === "light" || theme === "dark" ? theme : "auto";
}

export function applyTheme(theme: Theme) {
  document.documentElement.dataset.theme = theme;
}
