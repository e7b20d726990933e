//! Opening an address in the person's browser.

use std::process::{Command, Stdio};

use segue_platform::Env;

/// What a program that opens a browser needs of the environment. The rest stays here: it may hold credentials.
const NEEDED: [&str; 12] = [
    "BROWSER",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "HOME",
    "LANG",
    "PATH",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
    "XDG_DATA_DIRS",
    "XDG_RUNTIME_DIR",
];

/// Opens it; `false` if there is no browser here.
#[must_use]
pub fn open(address: &str, env: &Env<'_>) -> bool {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env.named(name).is_some()) {
        "xdg-open"
    } else {
        return false;
    };
    let kept = NEEDED.iter().filter_map(|name| Some((*name, env.named(name)?)));
    let mut command = Command::new(program);
    command.arg(address).env_clear().envs(kept);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It goes on by itself: a browser that is started this way may live as long as its window.
    command.spawn().is_ok()
}
