#!/usr/bin/env python3
"""expressions.py REPOSITORY PROMTOOL WORK: every expression of the dashboards and rules parses, and asks only for what is exported.

Names come from where they are made: the tables of the daemons' sources and golden files, and tests/exported/node.txt for nodes.
"""
import json
import pathlib
import re
import subprocess
import sys

import yaml

root, promtool, work = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
role = root / "ansible/roles/prometheus"


def literals(*files):
    """Every string in these sources: the tables of metrics are among them."""
    return {word for file in files for word in re.findall(r'"([a-z][a-z0-9_]*)"', file.read_text())}


def exported():
    signer = literals(root / "signer/src/metrics.rs", *(root / "signer/src/metrics").glob("*.rs"))
    sentry = literals(root / "sentry/src/watch/metrics.rs")
    golden = (root / "monitor/src/metrics/golden.prom").read_text()
    monitor = set(re.findall(r"^# TYPE palisade_monitor_(\S+)", golden, re.M))
    monitor |= literals(*(root / "monitor/src/metrics").rglob("*.rs"), root / "monitor/src/metrics.rs")
    node = set((root / "ansible/tests/exported/node.txt").read_text().splitlines())
    return {"palisade_signer_": signer, "palisade_sentry_": sentry, "palisade_monitor_": monitor, "cometbft_": node}


def expressions():
    for file in sorted((role / "files/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids), f"{file.name}: a panel id is used twice"
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield file.name, panel["title"], target["expr"]
        for variable in board["templating"]["list"]:
            yield file.name, variable["name"], re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])[1]
    for file in sorted((role / "files/rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield file.name, rule["alert"], rule["expr"]


def main():
    known, wrong, rules = exported(), [], []
    found = list(expressions())
    for number, (file, title, expr) in enumerate(found):
        for prefix, name in re.findall(r"\b(palisade_(?:signer|sentry|monitor)_|cometbft_)([a-z0-9_]+)", expr):
            names = {name, re.sub(r"_(bucket|sum|count)$", "", name)}
            if not names & known[prefix]:
                wrong.append(f"{file}: {title}: nobody exports {prefix}{name}")
        rules.append({"record": f"check:{number}", "expr": expr.replace("$chain_id", ".+")})
    file = work / "expressions.yml"
    file.write_text(json.dumps({"groups": [{"name": "check", "rules": rules}]}))
    checked = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        wrong.append(checked.stdout + checked.stderr)
    assert len(found) > 40, "the dashboards were not found"
    print(f"ansible/check: {len(found)} expressions, all of them of metrics that are exported" if not wrong else "\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
