"""How the dashboard looks beside what every page has: lines of names that open, and alarms."""

from __future__ import annotations

from typing import Final

DASHBOARD_STYLE: Final = """
.alarm{background:color-mix(in srgb,var(--bad) 7%,var(--page));border:2px solid var(--bad);
border-radius:8px;padding:10px 16px;margin:16px 0;overflow-wrap:anywhere}
.alarm b{color:var(--bad);font-size:17px}.alarm ul{margin:4px 0;padding-left:20px}
.alarm p{margin:0}.alarm[hidden]{display:none}
.warnings .seen{color:var(--soft)}
.count{font-weight:400;color:var(--soft)}
.line{display:grid;align-items:center;gap:2px 14px;padding:6px 4px;
grid-template-columns:64px 64px minmax(0,1fr) 190px 90px 150px;
font-variant-numeric:tabular-nums;font-size:14px}
.line small{display:block;color:var(--soft);font-size:12px;line-height:1.35}
.line small.good{color:var(--good)}.line small.bad{color:var(--bad)}
.line .rank{font-weight:600}.line .who{overflow-wrap:anywhere;line-height:1.35}
.line .score,.line .close,.line .order{text-align:right}
.line .score{display:flex;justify-content:flex-end;gap:8px;align-items:center}
.line .hbar{margin:0}.line.head{color:var(--soft);font-weight:600;
border-bottom:1px solid var(--line);padding-left:22px}
.line.head .score{display:block}.line.head .rank{font-weight:600}
.names{list-style:none;margin:0;padding:0}.names li{border-bottom:1px solid var(--line)}
.names details{margin:0}
.names summary.line{font-weight:400;list-style:none;padding-left:22px;position:relative}
.names summary::-webkit-details-marker{display:none}
.names summary::before{content:"";position:absolute;left:6px;top:50%;width:7px;height:7px;
border:solid var(--soft);border-width:0 2px 2px 0;transform:translateY(-65%) rotate(-45deg)}
.names details[open]>summary::before{transform:translateY(-75%) rotate(45deg)}
.names summary:hover{background:var(--card)}
summary:focus-visible,button:focus-visible,a:focus-visible,.wide:focus-visible,.tip:focus-visible{
outline:2px solid var(--c0);outline-offset:2px;border-radius:4px}
.more{padding:2px 12px 14px 22px}
.side{font-weight:600;color:color-mix(in srgb,var(--tone) 72%,var(--ink))}
.files{font-size:14px;color:var(--soft)}
table.trades td:first-child small{display:inline;margin:0 4px}
main{word-break:auto-phrase}
table{line-height:22px}td small,th small{line-height:18px}
@media (max-width:600px){.wide .trades td:first-child{max-width:150px;min-width:120px}
.trades td.text{min-width:130px}}
@media screen and (max-width:800px){
.line{grid-template-columns:46px minmax(0,1fr) auto;padding-right:0;gap:0 10px}
.line.head{display:none}
.line .rank{grid-row:1/span 2;align-self:start}
.line .code{grid-column:2;grid-row:1;display:flex;gap:8px;align-items:baseline}
.line .who{grid-column:2;grid-row:2}
.line .close{grid-column:3;grid-row:1}
.line .score{grid-column:3;grid-row:2;flex-direction:column;align-items:flex-end;gap:0}
.line .order{grid-column:2;grid-row:3;text-align:left}
.names summary.line{padding-left:16px}.names summary::before{left:2px;top:16px}
.more{padding-left:16px;padding-right:0}}
@media print{.names details:not([open]){display:block}.names summary::before{display:none}
.alarm[hidden]{display:none}.line small{font-size:9px}.tile b{font-size:18px;white-space:nowrap}
.line{font-size:10.5px;padding:2px 0;break-inside:avoid}
.names summary.line,.line.head{padding-left:0}
.line{grid-template-columns:46px 46px minmax(0,1fr) 130px 60px 90px}}
"""
