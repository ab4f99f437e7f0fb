#!/usr/bin/python
"""Several directories at once: one call of a host instead of one for each of them."""

DOCUMENTATION = r"""
---
module: directories
short_description: Makes directories, with owner and mode, in one call
description:
  - The same as M(ansible.builtin.file) with O(ansible.builtin.file#module:state=directory) in a loop, without a call of the host for each.
version_added: 1.0.0
author: Palisade (@palisade)
options:
  paths:
    description: The directories, parents first.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Name of a user that is there.
        type: str
        default: root
      group:
        description: Name of a group that is there; the owner's name if it is not said.
        type: str
      mode:
        description: Octal digits, quoted.
        type: str
        default: "0755"
"""

EXAMPLES = r"""
- name: Make the directories
  palisade.kit.directories:
    paths:
      - {path: /etc/palisade}
      - {path: /etc/palisade/signer/keys, owner: palisade-signer, mode: "0700"}
"""

RETURN = r"""
paths:
  description: The directories that were made or put right.
  returned: always
  type: list
  elements: str
"""

import os
import stat

from ansible.module_utils.basic import AnsibleModule


def main():
    one = dict(
        path=dict(type="path", required=True),
        owner=dict(type="str", default="root"),
        group=dict(type="str"),
        mode=dict(type="str", default="0755"),
    )
    module = AnsibleModule(
        argument_spec=dict(paths=dict(type="list", elements="dict", required=True, options=one)), supports_check_mode=True
    )
    done = []
    for item in module.params["paths"]:
        path, group = item["path"], item["group"] or item["owner"]
        if os.path.lexists(path):
            if not stat.S_ISDIR(os.stat(path).st_mode if os.path.exists(path) else 0):
                module.fail_json(msg="%s is there, and is no directory" % path)
            changed = False
        else:
            changed = True
            if not module.check_mode:
                os.mkdir(path, 0o700)  # its own mode follows, once its owner is right
        # Where it would have been made, nobody knows a user yet that would have been made before.
        if not (changed and module.check_mode):
            changed = module.set_owner_if_different(path, item["owner"], changed)
            changed = module.set_group_if_different(path, group, changed)
            changed = module.set_mode_if_different(path, item["mode"], changed)
        if changed:
            done.append(path)
    module.exit_json(changed=bool(done), paths=done)


if __name__ == "__main__":
    main()
