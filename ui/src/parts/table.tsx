// SPDX-License-Identifier: Apache-2.0
// Every table: sortable where all rows are here, cards on a narrow screen, exported as CSV and JSON.
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type Cell, csv, save } from "../export";
import { t } from "../i18n";

export interface Column<R> {
  id: string; // of the export; stays the same in every language
  label: string;
  value: (row: R) => Cell; // exported and sorted by
  cell?: (row: R) => ComponentChildren; // shown; else the value
  number?: boolean;
}

interface Props<R> {
  name: string; // of the file
  caption: string;
  columns: Column<R>[];
  rows: R[] | undefined; // undefined: on its way
  empty: ComponentChildren;
  rowKey: (row: R) => string;
  sortable?: boolean;
  raw?: (row: R) => unknown; // exported as JSON; else the row itself
  all?: () => Promise<R[] | undefined>; // of which `rows` is a page; undefined: too many
  more?: string | null | undefined; // there are more than `rows`, which are not shown
}

function compare(a: Cell, b: Cell): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}

function sorted<R>(rows: R[], column: Column<R> | undefined, down: boolean): R[] {
  if (!column) return rows;
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
}

function Head<R>({
  of: c,
  by,
  down,
  press,
}: {
  of: Column<R>;
  by: string;
  down: boolean;
  press: ((id: string) => void) | undefined;
}) {
  const order = down ? ("descending" as const) : ("ascending" as const);
  const sorts = press !== undefined && by === c.id;
  return (
    <th scope="col" class={c.number ? "n" : ""} {...(sorts ? { "aria-sort": order } : {})}>
      {press ? (
        <button type="button" class="head" onClick={() => press(c.id)}>
          {c.label}
          <span aria-hidden="true">{sorts ? (down ? " ▾" : " ▴") : ""}</span>
        </button>
      ) : (
        c.label
      )}
    </th>
  );
}

export function Table<R>(props: Props<R>) {
  const { columns, rows, caption, sortable = true } = props;
  const [by, setBy] = useState("");
  const [down, setDown] = useState(false);
  const shown = useMemo(
    () =>
      sorted(
        rows ?? [],
        columns.find(c => c.id === by),
        down,
      ),
    [rows, by, down],
  );
  const press = (id: string) => {
    setDown(by === id && !down);
    setBy(id);
  };
  if (!rows) return <p class="faint">{t("loading")}</p>;
  if (!rows.length) return <div class="empty">{props.empty}</div>;
  return (
    <div class="tablebox">
      <table class="cards">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(c => (
              <Head key={c.id} of={c} by={by} down={down} press={sortable ? press : undefined} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(row => (
            <tr key={props.rowKey(row)}>
              {columns.map(c => (
                <td key={c.id} class={c.number ? "n" : ""} data-label={c.label}>
                  <div>{c.cell ? c.cell(row) : (c.value(row) ?? "–")}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {props.more && <p class="faint">{t("more_rows", rows.length)}</p>}
      <Exports {...props} rows={shown} />
    </div>
  );
}

function Exports<R>({ name, caption, columns, rows, raw, all }: Props<R> & { rows: R[] }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const write = async (type: "csv" | "json") => {
    setBusy(true);
    setTrouble("");
    try {
      const every = all ? await all() : rows;
      if (!every) return setTrouble(t("too_many_rows"));
      if (type === "csv") {
        const cells = every.map(r => columns.map(c => c.value(r)));
        save(
          `${name}.csv`,
          "text/csv",
          csv(
            columns.map(c => c.id),
            cells,
          ),
        );
      } else {
        save(
          `${name}.json`,
          "application/json",
          JSON.stringify(every.map(raw ?? (r => r)), null, 2),
        );
      }
    } catch (e) {
      setTrouble((e as Error).message || t("unreachable"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <p class="exports">
      <button
        type="button"
        class="small"
        disabled={busy}
        aria-label={`${caption}: CSV`}
        onClick={() => write("csv")}
      >
        CSV
      </button>
      <button
        type="button"
        class="small"
        disabled={busy}
        aria-label={`${caption}: JSON`}
        onClick={() => write("json")}
      >
        JSON
      </button>
      {trouble && <span role="alert"> {trouble}</span>}
    </p>
  );
}
