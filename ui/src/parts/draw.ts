// SPDX-License-Identifier: Apache-2.0
// The drawing of bars, in a file of its own, which is loaded where there are any.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { BarsOf } from "./plot";

export const HEIGHT = 190;

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// As many bars at a time as have one colour.
function series(colors: string[]): uPlot.Series[] {
  const bars = uPlot.paths.bars;
  return colors.map(color => ({
    label: color,
    fill: css(color),
    stroke: css(color),
    width: 0,
    points: { show: false },
    ...(bars ? { paths: bars({ size: [0.8, 40], align: 0 }) } : {}),
  }));
}

export function draw(box: HTMLElement, props: BarsOf): uPlot {
  const colors = [...new Set(props.x.map(props.color))];
  const data = [
    props.x,
    ...colors.map(c => props.y.map((v, i) => (props.color(props.x[i] ?? 0) === c ? v : null))),
  ] as uPlot.AlignedData;
  const ink = css("--faint");
  const grid = { stroke: css("--line"), width: 1 };
  const font = "12px system-ui, sans-serif";
  const last = props.x.length - 1;
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: false, range: [(props.x[0] ?? 0) - 0.6, (props.x[last] ?? 0) + 0.6] },
        y: { range: (_, __, max) => [0, Math.max(max, 4) * 1.08] },
      },
      axes: [
        {
          stroke: ink,
          grid: { show: false },
          ticks: grid,
          font,
          values: (_, v) => v.map(props.xLabel),
        },
        {
          stroke: ink,
          grid,
          ticks: { show: false },
          font,
          size: 44,
          incrs: [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000, 500000,
          ],
        },
      ],
      series: [{}, ...series(colors)],
    },
    data,
    box,
  );
}
