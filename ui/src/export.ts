// SPDX-License-Identifier: Apache-2.0
// Tables as files.
export type Cell = string | number | boolean | null | undefined;

// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe.
function field(value: Cell): string {
  let text = value === null || value === undefined ? "" : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(head: string[], rows: Cell[][]): string {
  return `${[head, ...rows].map(r => r.map(field).join(",")).join("\r\n")}\r\n`;
}

export function save(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
