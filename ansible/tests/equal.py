#!/usr/bin/env python3
"""equal.py REPOSITORY PALISADE ANSIBLE_PLAYBOOK WORK: what `palisade render` makes of the templates is what Ansible makes of them.

Each fleet is rendered by palisade; then Ansible renders the same templates with the inventory that came out, and the bytes are compared.
What several hosts have alike is rendered once.
"""
import json
import pathlib
import shutil
import subprocess
import sys

root, palisade, ansible, work = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
roles = root / "ansible/roles"
FLEETS = ["examples/fleet-classic.toml"]
# No example with [deploy] has a YubiHSM on USB or members of etcd.
NOT_THERE = {"signer/yubihsm.rules", "etcd/etcd.yml", "etcd/palisade-etcd.service"}
UNITS = "/usr/local/lib/systemd/system/"
# Role and template by where the file goes on a host.
TEMPLATES = {
    "/etc/palisade/host/nftables.nft": "host/nftables.nft",
    UNITS + "palisade-firewall.service": "host/palisade-firewall.service",
    "/etc/ssh/sshd_config.d/10-palisade.conf": "host/sshd.conf",
    "/etc/chrony/chrony.conf": "host/chrony.conf",
    "/etc/systemd/journald.conf.d/palisade.conf": "host/journald.conf",
    "/etc/sysctl.d/90-palisade.conf": "host/sysctl.conf",
    "/etc/modprobe.d/palisade.conf": "host/modprobe.conf",
    "/etc/systemd/coredump.conf.d/palisade.conf": "host/coredump.conf",
    "/etc/wireguard/wg0.conf": "host/wireguard.conf",
    "/etc/systemd/system/wg-quick@wg0.service.d/palisade.conf": "host/wireguard-dropin.conf",
    UNITS + "palisade-signer.service": "signer/palisade-signer.service",
    "/etc/udev/rules.d/70-palisade-yubihsm.rules": "signer/yubihsm.rules",
    UNITS + "palisade-monitor.service": "monitor/palisade-monitor.service",
    "/etc/palisade/etcd/etcd.yml": "etcd/etcd.yml",
    UNITS + "palisade-etcd.service": "etcd/palisade-etcd.service",
    UNITS + "palisade-sentry-watch.service": "sentry/palisade-sentry-watch.service",
    "/etc/palisade/prometheus/prometheus.yml": "prometheus/prometheus.yml",
    "/etc/palisade/prometheus/alertmanager.yml": "prometheus/alertmanager.yml",
    "/etc/systemd/system/prometheus.service.d/palisade.conf": "prometheus/prometheus-dropin.conf",
    "/etc/systemd/system/prometheus-alertmanager.service.d/palisade.conf": "prometheus/alertmanager-dropin.conf",
}


def wanted(tree, out):
    """For each host the files to render: template, target, and the chain where it is a node's unit."""
    found, alike, covered = {}, set(), set()
    for path in sorted(tree.glob("hosts/*/files/**/*")):
        host, _, target = str(path.relative_to(tree / "hosts")).partition("/files")
        node = target.startswith(UNITS + "palisade-node@")
        template = "node/palisade-node.service" if node else TEMPLATES.get(target)
        if template is None or not path.is_file():
            continue
        text = path.read_bytes()
        if (target, text) in alike:
            continue
        alike.add((target, text))
        covered.add(template)
        to = out / host / target.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        chain = target.partition("@")[2].removesuffix(".service")
        row = {"src": str(roles / template.replace("/", "/templates/", 1)) + ".j2", "dest": str(to), "chain": chain}
        found.setdefault(host, []).append(row)
    return found, covered


def main():
    defaults = work / "defaults/group_vars/all"
    defaults.mkdir(parents=True)
    for file in sorted(roles.glob("*/defaults/main.yml")):
        shutil.copy(file, defaults / f"{file.parts[-3]}.yml")
    (work / "defaults/hosts.yml").write_text("all: {}\n")
    compared, covered = 0, set()
    for fleet in FLEETS:
        name = pathlib.Path(fleet).stem
        tree, out = work / name / "tree", work / name / "out"
        subprocess.run([palisade, "render", str(root / fleet), "--out", str(tree)], check=True, stdout=subprocess.DEVNULL)
        rows, templates = wanted(tree, out)
        covered |= templates
        given = work / name / "wanted.json"
        given.write_text(json.dumps({"equal_rows": rows, "palisade_files": "/srv/palisade"}))
        played = subprocess.run(
            [ansible, "-i", str(work / "defaults/hosts.yml"), "-i", str(tree / "inventory/hosts.yml"), "-c", "local", "-f", "4",
             "-e", f"@{given}", "-e", f"ansible_python_interpreter={sys.executable}", "--limit", ",".join(rows),
             str(root / "ansible/tests/equal.yml")],
            capture_output=True, text=True, check=False)
        if played.returncode != 0:
            print(played.stdout[-4000:], played.stderr[-2000:])
            return 1
        for host, files in rows.items():
            for row in files:
                target = "/" + str(pathlib.Path(row["dest"]).relative_to(out / host))
                ours = (tree / "hosts" / host / "files" / target.lstrip("/")).read_bytes()
                if pathlib.Path(row["dest"]).read_bytes() != ours:
                    print(f"{fleet}: {host}: {target}: Ansible makes another file of the template")
                    subprocess.run(["diff", "-u", str(tree / "hosts" / host / "files" / target.lstrip("/")), row["dest"]], check=False)
                    return 1
                compared += 1
    left = sorted(set(TEMPLATES.values()) - covered - NOT_THERE)
    assert not left, f"no fleet has a file of {left}"
    print(f"ansible/check: {compared} files of {' '.join(FLEETS)}: palisade and Ansible make the same bytes of {len(covered)} templates")
    return 0


sys.exit(main())
