// SPDX-License-Identifier: Apache-2.0
// Small pieces: states, times, commands.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Key, t, word } from "../i18n";
import { daysLeft, localDate, localMoment } from "../time";

export type Kind = "ok" | "warning" | "failed" | "quiet";

const marks: Record<Kind, string> = { ok: "✓", warning: "!", failed: "✕", quiet: "·" };

// A state: mark, word and colour, none of them alone.
export function State({ kind, children }: { kind: Kind; children: ComponentChildren }) {
  return (
    <span class={`s ${kind}`}>
      <span aria-hidden="true">{marks[kind]} </span>
      {children}
    </span>
  );
}

export function Status({ value }: { value: string }) {
  const kinds: Record<string, Kind> = {
    valid: "ok",
    active: "ok",
    ready: "ok",
    ok: "ok",
    granted: "ok",
    good: "ok",
    revoked: "failed",
    failed: "failed",
    denied: "failed",
    expired: "failed",
    silent: "failed",
    waiting: "warning",
    pending: "warning",
    renewing: "warning",
    asked: "warning",
    failing: "warning",
    warning: "warning",
    critical: "failed",
  };
  return <State kind={kinds[value] ?? "quiet"}>{word(value)}</State>;
}

export function When({ at, time = false }: { at: string | null | undefined; time?: boolean }) {
  if (!at) return <span class="faint">–</span>;
  return (
    <time dateTime={at} title={at}>
      {time ? localMoment(at) : localDate(at)}
    </time>
  );
}

export function Days({ until, soon = 7 }: { until: string | null | undefined; soon?: number }) {
  if (!until) return <span class="faint">–</span>;
  const n = daysLeft(until);
  if (n < 0) return <State kind="failed">{t("expired")}</State>;
  if (n < soon) return <State kind="warning">{n}</State>;
  return <>{n}</>;
}

export function Dash({ value }: { value: ComponentChildren }) {
  return value === null || value === undefined || value === "" ? (
    <span class="faint">–</span>
  ) : (
    <span>{value}</span>
  );
}

// A word that a shell takes as it stands, as POSIX has it.
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function Copy({ text, label = "copy" }: { text: string; label?: Key }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 2000);
    } catch {
      setDone(false);
    }
  };
  return (
    <button type="button" class="small" onClick={copy}>
      <span aria-live="polite">{done ? t("copied") : t(label)}</span>
    </button>
  );
}

// What does the same on the host, or mends what is wrong.
export function Cli({ command }: { command: string }) {
  return (
    <span class="cli">
      <code>{command}</code>
      <Copy text={command} />
    </span>
  );
}

// Names and what they are.
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Dash value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
