//! Asking a person for a passphrase, on the terminal and without showing it. Only the verbs do: a daemon has nobody to ask.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longest line that is read.
const MAX: u64 = 1024;

/// The terminal's settings, put back when dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

/// Whether there is a terminal to ask on.
pub fn is_possible() -> bool {
    terminal().is_ok()
}

/// Asks once; without the end of line.
pub fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let terminal = terminal()?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    quiet.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
    let _restore = Quiet { terminal: &terminal, before };
    write!(&terminal, "{question}: ")?;
    // Room at once: growing would leave copies behind.
    let mut line = Zeroizing::new(String::with_capacity(usize::try_from(MAX).unwrap_or(0)));
    BufReader::with_capacity(1, &terminal).take(MAX).read_line(&mut line)?;
    match line.pop() {
        Some('\n') => Ok(line),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no whole line was typed")),
    }
}

fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(Path::new("/dev/tty"))
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
