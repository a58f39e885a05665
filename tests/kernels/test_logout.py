"""Whether logging out ends kernels is read from systemd's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jpterm_like.kernels.logout import ends_kernels

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\n"}, False),
        ({"usr/lib/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\nKillUserProcesses = Yes\n"}, True),
        (
            {
                "etc/systemd/logind.conf": "KillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/50-mine.conf": "[Login]\nKillUserProcesses=no\n",
            },
            False,
        ),
        (
            {
                "usr/lib/systemd/logind.conf.d/a.conf": "KillUserProcesses=no\n",
                "etc/systemd/logind.conf.d/a.conf": "KillUserProcesses=yes\n",
            },
            True,
        ),
    ],
)
def test_the_last_setting_counts(tmp_path: Path, files: dict[str, str], ends: bool) -> None:
    """A line that is commented out is the default; files of one name stand for each other."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    for name, text in {"proc/self/cgroup": SESSION, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert ends_kernels(tmp_path) is ends
    assert not ends_kernels(tmp_path, is_root=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n")
    assert not ends_kernels(tmp_path)
