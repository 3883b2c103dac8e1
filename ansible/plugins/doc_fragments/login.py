# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who acts: the options of every module, as LOGIN_SPEC of ipa_api.py has them."""

from __future__ import annotations


class ModuleDocFragment:
    """The part of the documentation."""

    DOCUMENTATION = r"""
options:
  ipaadmin_principal:
    description:
      - The principal that acts. It needs the role Session Recording Administrator, or to be an administrator.
      - With a password or a keytab C(admin) if not given; else it is that of the ticket, and must be if given.
    type: str
  ipaadmin_password:
    description:
      - The password of I(ipaadmin_principal).
      - Without a password and a keytab a ticket is used that is there, of the environment's E(KRB5CCNAME) or the
        user's own, or the keytab of the environment's E(KRB5_CLIENT_KTNAME).
    type: str
  ipaadmin_keytab:
    description: A keytab of I(ipaadmin_principal), on the machine where the task runs.
    type: path
requirements:
  - A machine that is enrolled in FreeIPA, a client or a server, with ipalib in the Python that runs the task
  - A FreeIPA server with session recording
"""
