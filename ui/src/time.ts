// SPDX-License-Identifier: Apache-2.0
export const DAY = 86_400_000;

const two = (n: number) => String(n).padStart(2, "0");

// In the time zone of whoever looks; the machine's form of it is in the element's title.
export function localDate(text: string): string {
  const d = new Date(text);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

export function localTime(text: string | Date): string {
  const d = new Date(text);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function localMoment(text: string): string {
  return `${localDate(text)} ${localTime(text).slice(0, 5)}`;
}

// Whole days until then; negative once it is over.
export function daysLeft(text: string): number {
  return Math.floor((Date.parse(text) - Date.now()) / DAY);
}

// As the API takes a time, that many days from now.
export function inDays(n: number): string {
  return `${new Date(Date.now() + n * DAY).toISOString().slice(0, 19)}Z`;
}
