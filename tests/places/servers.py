"""Real servers for places, started on this machine by one file of settings and a port. Nothing of them is left behind."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

APACHE_MODULES = Path("/usr/lib/apache2/modules")
NGINX_DAV_EXT = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that servers can use that run as nobody: not below pytest's own, which each other run of it closes to them."""
    with TemporaryDirectory(prefix="jpterm-like-servers-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server until it listens, and end it afterwards. What it prints goes to a file in the folder."""
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} does not start: {output.read_text()}")
                time.sleep(0.02)  # none of these servers says when it begins to listen
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _apache(folder: Path, port: int, modules: Sequence[str], settings: str, of_web: str) -> Iterator[str]:
    """Apache for `folder`/web, with more settings, and some for that folder."""
    (folder / "web").mkdir()
    for each in (folder, folder / "web"):  # it runs as nobody
        each.chmod(0o777)
    (folder / "apache.conf").write_text(
        "".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in modules)
        + f"ServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
        f"DocumentRoot {folder}/web\nUser nobody\nGroup nogroup\nDefaultRuntimeDir {folder}\nStartServers 1\n{settings}\n"
        f"<Directory {folder}/web>\n{of_web}\nRequire all granted\n</Directory>\n"
    )
    with running(["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-DFOREGROUND"], port, folder):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def apache(folder: Path, port: int) -> Iterator[str]:
    if not (APACHE_MODULES / "mod_dav.so").exists():
        pytest.skip("Apache with mod_dav is not installed (apache2-bin)")
    modules = ["mpm_event", "authz_core", "authn_core", "dav", "dav_fs"]
    with _apache(folder, port, modules, f"DavLockDB {folder}/lock", "Dav On") as url:
        yield url


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[str]:
    if not Path("/usr/sbin/nginx").exists() or not NGINX_DAV_EXT.exists():
        pytest.skip("nginx with dav-ext is not installed (nginx-light, libnginx-mod-http-dav-ext)")
    for name in ("web", "body", "temporary"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    temporary = "".join(
        f"{name}_temp_path {folder}/temporary; " for name in ("proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"load_module {NGINX_DAV_EXT};\npid {folder}/pid;\nerror_log {folder}/log;\ndaemon off;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/web; client_max_body_size 20m;\n"
        "dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; } }\n"
    )
    with running(
        ["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")], port, folder
    ):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def lighttpd(folder: Path, port: int) -> Iterator[str]:
    modules = Path("/usr/lib/lighttpd")
    if not Path("/usr/sbin/lighttpd").exists() or not (modules / "mod_webdav.so").exists():
        pytest.skip("lighttpd with mod_webdav is not installed (lighttpd, lighttpd-mod-webdav)")
    (folder / "web").mkdir()
    (folder / "lighttpd.conf").write_text(
        f'server.port = {port}\nserver.bind = "127.0.0.1"\nserver.document-root = "{folder}/web"\n'
        f'server.modules = ("mod_webdav")\nwebdav.activate = "enable"\nserver.errorlog = "{folder}/log"\n'
        f'server.upload-dirs = ("{folder}")\nwebdav.sqlite-db-name = "{folder}/locks.db"\n'
    )
    with running(["/usr/sbin/lighttpd", "-D", "-f", str(folder / "lighttpd.conf")], port, folder):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def rclone(folder: Path, port: int) -> Iterator[str]:
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed")
    (folder / "web").mkdir()
    command = [
        "rclone",
        "serve",
        "webdav",
        str(folder / "web"),
        "--addr",
        f"127.0.0.1:{port}",
        "--dir-cache-time",
        "0s",
    ]
    with running([*command, "--config", str(folder / "none")], port, folder):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def wsgidav(folder: Path, port: int) -> Iterator[str]:
    if find_spec("wsgidav") is None or find_spec("cheroot") is None:
        pytest.skip("wsgidav is not installed (pip install wsgidav cheroot)")
    (folder / "web").mkdir()
    command = [sys.executable, "-m", "wsgidav.server.server_cli", "--host", "127.0.0.1", "--port", str(port)]
    with running(
        [*command, "--root", str(folder / "web"), "--auth", "anonymous", "--server", "cheroot"], port, folder
    ):
        yield f"http://127.0.0.1:{port}/"


WEBDAV = {"apache": apache, "nginx": nginx, "lighttpd": lighttpd, "rclone": rclone, "wsgidav": wsgidav}


@contextmanager
def plain_nginx(folder: Path, port: int, form: str = "json") -> Iterator[str]:
    """nginx without WebDAV, which lists `folder`/web as HTML or JSON."""
    if not Path("/usr/sbin/nginx").exists():
        pytest.skip("nginx is not installed (nginx-light)")
    for name in ("web", "body"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    temporary = "".join(
        f"{kind}_temp_path {folder}/body;\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/log;\nuser nobody nogroup;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}server {{ listen 127.0.0.1:{port}; root {folder}/web;\n"
        f"location / {{ autoindex on; autoindex_format {form}; }} }} }}\n"
    )
    with running(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf")], port, folder):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def plain_apache(folder: Path, port: int) -> Iterator[str]:
    """Apache without WebDAV, with its usual index: names are cut, and lengths are rounded."""
    if not (APACHE_MODULES / "mod_autoindex.so").exists():
        pytest.skip("Apache is not installed (apache2-bin)")
    modules = ["mpm_event", "authz_core", "autoindex", "mime"]
    listed = "Options Indexes\nIndexOptions FancyIndexing"
    with _apache(folder, port, modules, "TypesConfig /dev/null", listed) as url:
        yield url


@contextmanager
def plain_python(folder: Path, port: int) -> Iterator[str]:
    """Python's own server, which knows no ranges."""
    (folder / "web").mkdir()
    command = [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", str(folder / "web"), str(port)]
    with running(command, port, folder):
        yield f"http://127.0.0.1:{port}/"


PLAIN = {
    "nginx json": plain_nginx,
    "nginx html": partial(plain_nginx, form="html"),
    "apache": plain_apache,
    "python": plain_python,
}


@contextmanager
def ftp(folder: Path, port: int) -> Iterator[str]:
    if find_spec("pyftpdlib") is None:
        pytest.skip("pyftpdlib is not installed (pip install pyftpdlib)")
    (folder / "web").mkdir()
    command = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w"]
    with running([*command, "-d", str(folder / "web")], port, folder):
        yield f"ftp://127.0.0.1:{port}/"


SFTP_SERVER = next(
    (path for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if os.path.exists(path)),
    None,
)


@contextmanager
def sshd(folder: Path, port: int) -> Iterator[Path]:
    """Yield the settings for `ssh -F`, in which this server is `box`."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or SFTP_SERVER is None:
        pytest.skip("OpenSSH's sshd is not installed (openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp {SFTP_SERVER}\n"
    )
    host_key = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"box {host_key[0]} {host_key[1]}\n")
    config = folder / "ssh_config"
    config.write_text(
        f"Host box\n  HostName 127.0.0.1\n  Port {port}\n  User {pwd.getpwuid(os.getuid()).pw_name}\n"
        f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n  HostKeyAlias box\n"
    )
    with running([program, "-D", "-e", "-f", str(folder / "sshd_config")], port, folder):
        yield config


@contextmanager
def moto() -> Iterator[str]:
    """moto's S3 server; yields its endpoint."""
    if find_spec("obstore") is None or find_spec("moto") is None or find_spec("flask") is None:
        pytest.skip("moto's S3 server is not installed (pip install obstore 'moto[s3]' flask flask-cors)")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class Syncthing:
    """One of some syncthings that carry a folder between each other, on this machine only."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.folder = folder
        self._home = home
        self._gui, self._port = free_port(), free_port()
        self._key = "key-of-the-tests"
        folder.mkdir()
        made = subprocess.run(
            ["syncthing", "generate", f"--home={home}", "--no-default-folder"],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"HOME": str(home)},
        )
        self.device = made.stdout.partition("Device ID: ")[2].split()[0]

    def configure(self, all_of_them: Sequence[Syncthing]) -> None:
        """Write its settings: who carries the folder, each at a port of this machine, and nobody is looked for elsewhere."""
        devices = "".join(
            f'<device id="{each.device}"><address>tcp://127.0.0.1:{each._port}</address></device>'
            for each in all_of_them
        )
        members = "".join(f'<device id="{each.device}"></device>' for each in all_of_them)
        off = ("globalAnnounce", "localAnnounce", "relays", "nat", "crashReporting")
        options = "".join(f"<{name}Enabled>false</{name}Enabled>" for name in off)
        (self._home / "config.xml").write_text(
            f'<configuration version="36"><folder id="carried" path="{self.folder}" type="sendreceive" rescanIntervalS="5"'
            f' fsWatcherEnabled="true" fsWatcherDelayS="1">{members}</folder>{devices}'
            f'<gui enabled="true" tls="false"><address>127.0.0.1:{self._gui}</address><apikey>{self._key}</apikey></gui>'
            f"<options><listenAddress>tcp://127.0.0.1:{self._port}</listenAddress>{options}<urAccepted>-1</urAccepted>"
            "<reconnectionIntervalS>1</reconnectionIntervalS><startBrowser>false</startBrowser></options></configuration>"
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [
            "syncthing",
            "serve",
            f"--home={self._home}",
            "--no-browser",
            "--no-restart",
            "--no-upgrade",
        ]
        with running(command, self._gui, self._home):
            yield

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask its REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._gui}/rest/{path}", method=method, headers={"X-API-Key": self._key}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body.strip() else None

    def pause(self, other: Syncthing, *, paused: bool) -> None:
        """Go on carrying, or stop for a while, as with a laptop that is shut."""
        self.ask(f"system/{'pause' if paused else 'resume'}?device={other.device}", "POST")


@contextmanager
def syncthings(folder: Path, count: int) -> Iterator[list[Syncthing]]:
    """Some syncthings that carry one folder; each has its own copy of it below `folder`."""
    if shutil.which("syncthing") is None:
        pytest.skip("Syncthing is not installed (syncthing)")
    found = [
        Syncthing(folder / f"syncthing {number}", folder / f"carried {number}") for number in range(count)
    ]
    for each in found:
        each.configure(found)
    with ExitStack() as stack:
        for each in found:
            stack.enter_context(each.running())
        yield found
