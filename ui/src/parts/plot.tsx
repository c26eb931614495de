// SPDX-License-Identifier: Apache-2.0
// Bars over days, by uPlot; the numbers are in a table as well, for whoever does not see a canvas.
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { t } from "../i18n";

export interface BarsOf {
  caption: string;
  x: number[]; // days from today
  y: number[];
  color: (x: number) => string; // name of a custom property
  xLabel: (x: number) => string;
  onPick?: (x: number) => void;
  tabled?: boolean; // a table of the same stands beside it
}

export function Bars(props: BarsOf) {
  const box = useRef<HTMLDivElement>(null);
  const [table, setTable] = useState(false);
  const theme = document.documentElement.dataset.theme;
  const data = JSON.stringify([props.x, props.y]);
  useEffect(() => {
    const at = box.current;
    if (!at || table) return;
    let plot: uPlot | undefined;
    let over = false;
    const again = async () => {
      const { draw } = await import("./draw");
      plot?.destroy();
      plot = over ? undefined : draw(at, props);
    };
    again();
    const size = new ResizeObserver(() => {
      if (plot && plot.width !== at.clientWidth)
        plot.setSize({ width: at.clientWidth, height: plot.height });
    });
    size.observe(at);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const attribute = new MutationObserver(again);
    attribute.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    dark.addEventListener("change", again);
    const pick = () => {
      const i = plot?.cursor.idx;
      const x = i === null || i === undefined ? undefined : props.x[i];
      if (x !== undefined) props.onPick?.(x);
    };
    at.addEventListener("click", pick);
    return () => {
      size.disconnect();
      attribute.disconnect();
      dark.removeEventListener("change", again);
      at.removeEventListener("click", pick);
      over = true;
      plot?.destroy();
    };
  }, [data, theme, table]);
  return (
    <figure>
      <figcaption class="hidden">{props.caption}</figcaption>
      {table ? (
        <div class="numbers">
          <table>
            <caption class="hidden">{props.caption}</caption>
            <tbody>
              {props.x.map(
                (x, i) =>
                  (props.y[i] ?? 0) > 0 && (
                    <tr key={x}>
                      <th scope="row">{props.xLabel(x)}</th>
                      <td class="n">{props.y[i]}</td>
                    </tr>
                  ),
              )}
            </tbody>
          </table>
        </div>
      ) : (
        <div
          ref={box}
          class={`plot ${props.onPick ? "picks" : ""}`}
          role="img"
          aria-label={props.caption}
        />
      )}
      {!props.tabled && (
        <button type="button" class="small" aria-pressed={table} onClick={() => setTable(!table)}>
          {t("as_table")}
        </button>
      )}
    </figure>
  );
}
