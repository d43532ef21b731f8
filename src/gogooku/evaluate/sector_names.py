"""What the sectors of the Tokyo Stock Exchange are called, for pages that people look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gogooku.evaluate.words import Text, Words

SECTOR_NAMES: Final[Mapping[str, Text]] = {
    "0050": Text("Fishery, agriculture, forestry", "水産・農林業"),
    "1050": Text("Mining", "鉱業"),
    "2050": Text("Construction", "建設業"),
    "3050": Text("Foods", "食料品"),
    "3100": Text("Textiles, apparel", "繊維製品"),
    "3150": Text("Pulp, paper", "パルプ・紙"),
    "3200": Text("Chemicals", "化学"),
    "3250": Text("Pharmaceuticals", "医薬品"),
    "3300": Text("Oil, coal products", "石油・石炭製品"),
    "3350": Text("Rubber products", "ゴム製品"),
    "3400": Text("Glass, ceramics", "ガラス・土石製品"),
    "3450": Text("Iron, steel", "鉄鋼"),
    "3500": Text("Nonferrous metals", "非鉄金属"),
    "3550": Text("Metal products", "金属製品"),
    "3600": Text("Machinery", "機械"),
    "3650": Text("Electric appliances", "電気機器"),
    "3700": Text("Transport equipment", "輸送用機器"),
    "3750": Text("Precision instruments", "精密機器"),
    "3800": Text("Other products", "その他製品"),
    "4050": Text("Electric power, gas", "電気・ガス業"),
    "5050": Text("Land transport", "陸運業"),
    "5100": Text("Marine transport", "海運業"),
    "5150": Text("Air transport", "空運業"),
    "5200": Text("Warehousing, harbours", "倉庫・運輸関連業"),
    "5250": Text("Information, communication", "情報・通信業"),
    "6050": Text("Wholesale", "卸売業"),
    "6100": Text("Retail", "小売業"),
    "7050": Text("Banks", "銀行業"),
    "7100": Text("Securities, commodities", "証券、商品先物取引業"),
    "7150": Text("Insurance", "保険業"),
    "7200": Text("Other financing", "その他金融業"),
    "8050": Text("Real estate", "不動産業"),
    "9050": Text("Services", "サービス業"),
    "9999": Text("Other", "その他"),
    "cash": Text("Cash", "現金"),
    "unknown": Text("unknown", "不明"),
}
"""Code of the 33-sector list, and what stands beside sectors, to a short name."""


def sector_name(code: str) -> Words:
    """What a sector is called; one of another market by its own name."""
    return SECTOR_NAMES.get(code, code)
