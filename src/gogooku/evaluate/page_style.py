"""How a page looks, and what it does when one points at it: styles and a script, nothing fetched.

Colours are variables: the reader's system chooses the theme, a button another one, and paper is
always light.
"""

from __future__ import annotations

_LIGHT = """color-scheme:light;--ink:#1f2328;--soft:#57606a;--line:#d0d7de;--faint:#e9ecef;
--page:#ffffff;--card:#f6f8fa;--warn:#9a3412;--warnbg:#fff7ed;--good:#1a7f37;--bad:#cf222e;
--c0:#0072b2;--c1:#c77c00;--c2:#00815f;--c3:#b2508c;--c4:#3b93cf;--c5:#d55e00;--grey:#8a8f98"""
_DARK = """color-scheme:dark;--ink:#e6edf3;--soft:#9aa4af;--line:#3a424c;--faint:#262d36;
--page:#0f1318;--card:#181e25;--warn:#ffb27d;--warnbg:#2b1d12;--good:#4ac26b;--bad:#ff7b72;
--c0:#58a6ff;--c1:#e3a73c;--c2:#3fc79a;--c3:#e08bbd;--c4:#9bd2ff;--c5:#ff8f55;--grey:#7d8590"""

STYLE = (
    f":root{{{_LIGHT}}}"
    f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{_DARK}}}}}"
    f":root[data-theme=dark]{{{_DARK}}}"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.6 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"Hiragino Sans","Yu Gothic UI",
"Noto Sans CJK JP","Noto Sans JP",Meiryo,sans-serif}
main{max-width:1180px;margin:0 auto;padding:20px 24px 64px}
html:not([data-lang=ja]) span[lang=ja],html[data-lang=ja] span[lang=en]{display:none}
h1{font-size:26px;line-height:1.3;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;margin:44px 0 6px}h3{font-size:15px;margin:16px 0 4px}
p{margin:0 0 8px}.note{color:var(--soft)}
.chapter>h2{font-size:24px;margin:56px 0 8px;padding-top:14px;border-top:3px solid var(--line)}
.chapter section>h2{margin-top:32px}
.said{font-size:16px;max-width:60em}.wide+.wide{margin-top:16px}.wide+.said{margin-top:10px}
#contents{display:flex;flex-wrap:wrap;gap:6px 8px;margin:16px 0}
#contents a{color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:2px 12px;font-size:14px;text-decoration:none}
.bar{display:flex;gap:8px;justify-content:flex-end;margin-bottom:8px}
.bar button{font:inherit;font-size:13px;color:var(--ink);background:var(--card);cursor:pointer;
border:1px solid var(--line);border-radius:6px;padding:3px 12px}
.badge{display:inline-block;font-weight:700;font-size:13px;letter-spacing:.04em;
border-radius:6px;padding:2px 10px;margin:0 8px 8px 0;border:1px solid var(--line)}
.badge.simulated{background:var(--warn);color:var(--page);border-color:var(--warn)}
.verdict{font-size:18px;line-height:1.55;margin:12px 0 16px;max-width:60em}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:8px 20px;
margin:12px 0}
dl.facts dt{color:var(--soft);font-size:13px}dl.facts dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:26px;line-height:1.3;font-variant-numeric:tabular-nums}
.tile small{display:block;color:var(--soft)}
.good{color:var(--good)}.bad{color:var(--bad)}
.tip{border-bottom:1px dotted var(--soft);cursor:help}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);vertical-align:top;
white-space:nowrap}
th:first-child,td:first-child,.left{text-align:left}thead th{color:var(--soft);
font-weight:600;white-space:normal;
vertical-align:bottom}
td small,th small{display:block;color:var(--soft);font-size:12px}
td.when{white-space:nowrap!important}td.text{white-space:normal;overflow-wrap:anywhere;text-align:left}
.wide th:first-child,.wide td:first-child{position:sticky;left:0;background:var(--page)}
table.short{width:auto;min-width:min(100%,480px)}.panels table.short{width:100%;min-width:0}
.heat td{min-width:58px;padding:4px 8px}
.heat td[style]{background:color-mix(in srgb,var(--tone) calc(var(--v)*1%),transparent)}
.up{--tone:var(--c0)}.down{--tone:var(--c5)}
.new{font-weight:700;font-size:12px;color:var(--good)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));
gap:8px 32px}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,250px),1fr));
gap:8px 24px}
.pair>*,.panels>*{min-width:0}
.barred{display:inline-flex;align-items:flex-start;justify-content:flex-end;gap:8px}
.stacked .barred{flex-direction:column;align-items:flex-end;gap:0}
thead th{min-width:3.4em;word-break:auto-phrase}
.hbar{position:relative;display:inline-block;flex:none;width:110px;height:14px;margin-top:4px}
.hbar i{position:absolute;top:3px;height:8px}.hbar i.c0{background:var(--c0)}
.hbar i.neg{background:var(--c5)}.hbar i.w{top:6px;height:2px;background:var(--soft)}
.hbar i.z{top:0;height:14px;width:1px;background:var(--grey)}
.months>details,.months>details>details{border-bottom:1px solid var(--line);margin:0;padding:6px 0}
.months>details>details{margin-left:14px}
.months summary b{font-variant-numeric:tabular-nums}
.months .rest,.months .count{font-weight:400;color:var(--soft);font-size:14px}
.chip{display:inline-block;min-width:64px;text-align:right;border-radius:5px;padding:0 6px;
font-variant-numeric:tabular-nums;
background:color-mix(in srgb,var(--tone) calc(var(--v)*1%),transparent)}
.events{margin:4px 0 12px;padding-left:20px;font-size:14px;overflow-wrap:anywhere}
.warnings{background:var(--warnbg);border-left:4px solid var(--warn);border-radius:0 8px 8px 0;
padding:10px 16px;margin:16px 0}
.warnings ul{margin:4px 0;padding-left:20px}.warnings li{margin:4px 0;overflow-wrap:anywhere}
details{margin:12px 0}summary{cursor:pointer;font-weight:600}
.chart{margin:8px 0 16px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;margin-bottom:4px}
.key{display:inline-flex;align-items:center;gap:6px;overflow-wrap:anywhere}
.key i{width:18px;border-top:3px solid var(--grey);flex:none}
.key i.dash{border-top-style:dashed}.key i.dot{border-top-style:dotted}
.axis{color:var(--soft);font-size:12px}.axis.below{text-align:right;margin-top:22px}
.plot{position:relative;margin:8px 14px 0 58px;touch-action:pan-y}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot path{vector-effect:non-scaling-stroke;fill:none}
.grid{stroke:var(--faint)}.zero{stroke:var(--grey)}
.line{stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line.dash{stroke-dasharray:6 4}.line.dot{stroke-dasharray:1.5 4}
.dots{stroke-width:6;stroke-linecap:round}.whisker{stroke:var(--soft);stroke-width:1.2}
.plot .bars,.plot .area,.plot .band{stroke:none}.plot .area{opacity:.14}.plot .band{opacity:.2}
.yt,.xt{position:absolute;color:var(--soft);font-size:12px;white-space:nowrap;line-height:1}
.yt{right:calc(100% + 8px);transform:translateY(-50%)}
.xt{top:calc(100% + 7px);transform:translateX(-50%)}
.xt.end{transform:translateX(calc(-100% + 14px))}
.cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--grey);display:none}
#tip{position:fixed;z-index:9;display:none;max-width:min(340px,calc(100vw - 16px));
pointer-events:none;background:var(--page);color:var(--ink);border:1px solid var(--line);
border-radius:8px;padding:6px 10px;font-size:13px;line-height:1.5;
box-shadow:0 4px 16px rgba(0,0,0,.22)}
#tip div{display:flex;align-items:baseline;gap:8px}#tip i{width:10px;height:10px;flex:none;
border-radius:2px;background:var(--grey)}#tip b{margin-left:auto;white-space:nowrap}
"""
    + "".join(
        f".c{n}.line,.c{n}.dots{{stroke:var(--c{n})}}.bars.c{n},.area.c{n},.band.c{n}"
        f"{{fill:var(--c{n})}}.key i.c{n}{{border-top-color:var(--c{n})}}"
        f"#tip i.c{n}{{background:var(--c{n})}}.whisker.c{n}{{stroke:var(--c{n});opacity:.6}}"
        for n in range(6)
    )
    + """.grey.line,.grey.dots{stroke:var(--grey)}.bars.grey,.area.grey,.band.grey{fill:var(--grey)}
@media (max-width:600px){main{padding:12px 14px 48px}h1{font-size:21px}.verdict{font-size:16px}
.xt.thin{display:none}.plot{margin-left:50px}th,td{padding:5px 7px}
.wide td:first-child{white-space:normal;max-width:128px}
.wide td:first-child:has(span){min-width:96px}.wide td:first-child:has(.tip){min-width:116px}
.barred{flex-direction:column;align-items:flex-end;gap:0}.hbar{width:64px;margin-top:1px}
.chapter>h2{font-size:21px}.pair{grid-template-columns:1fr}
.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:10px}.tile b{font-size:20px}}
@page{margin:14mm}
@media print{"""
    + f":root,:root[data-theme=dark],:root:not([data-theme=light]){{{_LIGHT}}}"
    + """*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:12px}main{max-width:none;padding:0}.bar,#tip,.cursor,#contents,
details:not([open],.printed){display:none}
.chart,.tile,.panels>*,.pair>*,tr,.whole{break-inside:avoid}summary{break-after:avoid}
.hbar{width:60px}.chapter>h2{font-size:18px;margin-top:28px}
.note,.said{break-inside:avoid;orphans:9;widows:9}.verdict{font-size:15px}.said{font-size:13px}
.pair{grid-template-columns:1fr 1fr;gap:4px 20px}h2,h3,.note,.legend{break-after:avoid}
.tiles{grid-template-columns:repeat(4,1fr)}td small,th small{font-size:9px;white-space:nowrap}
.wide{overflow:visible}table{font-size:10.5px}th,td{padding:3px 5px;white-space:normal}
.heat td{min-width:0;padding:2px 3px}.tip{border:0}}
"""
)

REMEMBERED = r"""
"use strict";
{
  const root = document.documentElement;
  root.dataset.remembers = "";
  const kept = name => {
    try { return localStorage.getItem("gogooku-" + name); } catch (blocked) { return null; }
  };
  const theme = kept("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const language = new URLSearchParams(location.search).get("lang") || kept("language");
  if (language === "en" || language === "ja") root.dataset.lang = root.lang = language;
}
"""
"""Before anything is drawn: the theme and the language that were chosen last, where the browser
keeps such things; the address may ask for a language (``?lang=ja``)."""

SCRIPT = r"""
"use strict";
const root = document.documentElement;
const tip = document.getElementById("tip");
const language = () => root.dataset.lang;
const dark = () => root.dataset.theme ? root.dataset.theme === "dark"
  : matchMedia("(prefers-color-scheme: dark)").matches;
const keep = (name, value) => {
  if (!("remembers" in root.dataset)) return;
  try { localStorage.setItem("gogooku-" + name, value); } catch (blocked) { return; }
};
document.getElementById("to-language")?.addEventListener("click", () => {
  root.dataset.lang = root.lang = language() === "ja" ? "en" : "ja";
  keep("language", root.lang);
  if ("remembers" in root.dataset && location.search) {
    history.replaceState(null, "", location.pathname + location.hash);
  }
});
document.getElementById("to-theme").addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  keep("theme", root.dataset.theme);
});
const place = (x, y) => {
  tip.style.display = "block";
  const left = x + 14 + tip.offsetWidth > innerWidth ? x - 14 - tip.offsetWidth : x + 14;
  const top = y + 14 + tip.offsetHeight > innerHeight ? y - 14 - tip.offsetHeight : y + 14;
  tip.style.left = Math.max(8, Math.min(left, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = Math.max(8, top) + "px";
};
const hide = () => { tip.style.display = "none"; };
const written = (value, unit) => {
  if (unit.log) return value.toPrecision(3);
  const scaled = value * unit.scale;
  const text = Math.abs(scaled).toLocaleString("en-US",
    {minimumFractionDigits: unit.digits, maximumFractionDigits: unit.digits});
  const sign = !/[1-9]/.test(text) ? "" : scaled < 0 ? "\u2212" : unit.signed ? "+" : "";
  return sign + text + unit.suffix[language()];
};
const row = (colour, name, value) => {
  const line = document.createElement("div");
  if (colour) line.appendChild(document.createElement("i")).className = colour;
  line.appendChild(document.createElement("span")).textContent = name;
  if (value) line.appendChild(document.createElement("b")).textContent = value;
  return line;
};
for (const plot of document.querySelectorAll("[data-figure]")) {
  let figure = null;
  const cursor = plot.querySelector(".cursor");
  const show = event => {
    figure = figure || JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    const box = plot.getBoundingClientRect();
    const wanted = (event.clientX - box.left) / box.width * 10000;
    let k = 0;
    figure.at.forEach((at, n) => {
      if (Math.abs(at - wanted) < Math.abs(figure.at[k] - wanted)) k = n;
    });
    const x = figure.x[k];
    const rows = [row("", typeof x === "string" ? x : x[language()], "")];
    for (const one of figure.series) {
      const value = one.y[k];
      if (value === null || value === undefined) continue;
      let text = written(value, figure.unit);
      if (one.low && one.low[k] !== null && one.high[k] !== null) {
        text += " [" + written(one.low[k], figure.unit) + ", "
          + written(one.high[k], figure.unit) + "]";
      }
      rows.push(row(one.colour, one.name[language()], text));
    }
    tip.replaceChildren(...rows);
    cursor.style.display = "block";
    cursor.style.left = figure.at[k] / 100 + "%";
    place(event.clientX, event.clientY);
  };
  plot.addEventListener("pointermove", show);
  plot.addEventListener("pointerdown", show);
  plot.addEventListener("pointerleave", () => { cursor.style.display = "none"; hide(); });
}
for (const word of document.querySelectorAll(".tip")) {
  const show = () => {
    const box = word.getBoundingClientRect();
    tip.replaceChildren(row("", word.dataset[language() === "ja" ? "tipJa" : "tipEn"], ""));
    place(box.left, box.bottom - 8);
  };
  word.addEventListener("pointerenter", show);
  word.addEventListener("focus", show);
  word.addEventListener("pointerleave", hide);
  word.addEventListener("blur", hide);
}
addEventListener("scroll", hide, {passive: true});
const overdue = document.querySelector("[data-due]");
const look = () => { overdue.hidden = Date.now() <= Date.parse(overdue.dataset.due); };
if (overdue) { look(); setInterval(look, 60000); }
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.printed:not([open])")];
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
"""
"""Two buttons, the box that shows numbers of a chart, that of the meanings of words, what is hidden
until it is due, and parts that are open on paper."""
