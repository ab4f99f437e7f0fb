#!/usr/bin/python
"""Whether a unit runs older files than those that are in place.

Unlike a handler it does not forget: a play that was cut off between a copy and the restart finds the restart still due.
"""

DOCUMENTATION = r"""
---
module: restart_due
short_description: Says whether a unit runs older files than those that are in place
description:
  - Compares the start of the unit's main process with the modification times of files. Changes nothing, in check mode and without.
version_added: 1.0.0
author: Palisade (@palisade)
options:
  unit:
    description: Name of the systemd unit, its own unit file included in the comparison.
    type: str
    required: true
  files:
    description: Files that the process reads when it starts. One that does not exist is not compared.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: See whether a restart is due
  palisade.kit.restart_due:
    unit: palisade-monitor.service
    files: [/usr/local/bin/palisade-monitor, /etc/palisade/monitor/monitor.toml]
  register: monitor_due
"""

RETURN = r"""
due:
  description: Whether the unit runs, and was started before one of the files became what it is.
  returned: always
  type: bool
running:
  description: Whether the unit runs.
  returned: always
  type: bool
newer:
  description: The files that it has not seen.
  returned: always
  type: list
  elements: str
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule


def show(module, unit):
    """Properties of a unit, as systemd has them. Times are in microseconds since boot."""
    wanted = "ActiveState,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic,FragmentPath,DropInPaths,NeedDaemonReload"
    code, out, err = module.run_command(["systemctl", "show", "--property", wanted, unit])
    if code != 0:
        module.fail_json(msg="systemctl show %s: %s" % (unit, err.strip()))
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def main():
    module = AnsibleModule(
        argument_spec=dict(unit=dict(type="str", required=True), files=dict(type="list", elements="path", default=[])),
        supports_check_mode=True,
    )
    state = show(module, module.params["unit"])
    running = state.get("ActiveState") in ("active", "activating", "reloading")
    started = int(state.get("ExecMainStartTimestampMonotonic") or 0) or int(state.get("ActiveEnterTimestampMonotonic") or 0)
    # The clock may have been set since the start; how long ago it was has not changed.
    started_at = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + started / 1e6
    units = [state.get("FragmentPath", "")] + state.get("DropInPaths", "").split()
    newer = sorted(
        path for path in set(module.params["files"] + units) if path and os.path.exists(path) and os.stat(path).st_mtime > started_at
    )
    due = running and (bool(newer) or state.get("NeedDaemonReload") == "yes")
    module.exit_json(changed=False, due=due, running=running, newer=newer if running else [])


if __name__ == "__main__":
    main()
