//! Where results go: standard output, or a pager when they are longer than the terminal.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use terminal_size::{Height, Width, terminal_size_of};
use unicode_width::UnicodeWidthStr;

/// Takes one result's text. What fits the terminal is printed; what does not is given to a pager, as it comes.
pub(super) struct Output {
    place: Place,
}

enum Place {
    Straight(BufWriter<io::Stdout>),
    /// It may still fit.
    Held {
        text: Vec<u8>,
        lines: usize,
        widest: usize,
        height: usize,
        width: usize,
    },
    Paged(Pager),
}

/// The terminal is its own until it is left.
struct Pager {
    input: Option<BufWriter<ChildStdin>>,
    process: Child,
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

impl Output {
    /// One that pages if `pager` says so and the output is a terminal.
    pub(super) fn new(pager: bool) -> Self {
        let size = if pager && io::stdout().is_terminal() { terminal_size_of(io::stdout()) } else { None };
        let place = match size {
            Some((Width(width), Height(height))) => {
                Place::Held { text: Vec::new(), lines: 0, widest: 0, height: height.into(), width: width.into() }
            }
            None => Place::Straight(BufWriter::new(io::stdout())),
        };
        Self { place }
    }

    /// Nothing more comes. Waits until the pager is left.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        let Place::Held { text, .. } = self.place else { return Ok(()) };
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }

    fn to_pager(text: &[u8]) -> io::Result<Place> {
        if let Some(mut pager) = spawn_pager() {
            if let Some(input) = &mut pager.input {
                input.write_all(text)?;
            }
            return Ok(Place::Paged(pager));
        }
        let mut out = BufWriter::new(io::stdout());
        out.write_all(text)?;
        Ok(Place::Straight(out))
    }
}

impl Write for Output {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Straight(out) => return out.write(more),
            Place::Paged(Pager { input: Some(input), .. }) => return input.write(more),
            Place::Paged(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            Place::Held { text, lines, widest, height, width } => {
                text.extend_from_slice(more);
                for line in String::from_utf8_lossy(more).split_inclusive('\n') {
                    *lines += usize::from(line.ends_with('\n'));
                    *widest = (*widest).max(line.trim_end().width());
                }
                // The count of rows and the prompt come below it.
                if *lines + 2 < *height && *widest <= *width {
                    return Ok(more.len());
                }
                self.place = Self::to_pager(&std::mem::take(text))?;
            }
        }
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Straight(out) => out.flush(),
            Place::Paged(Pager { input: Some(input), .. }) => input.flush(),
            Place::Paged(_) | Place::Held { .. } => Ok(()),
        }
    }
}

/// `$PAGER`, or `less` told to leave short texts on the screen and not to wrap lines.
fn spawn_pager() -> Option<Pager> {
    let mut command = match std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty()) {
        Some(pager) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(pager);
            shell
        }
        None => {
            let mut less = Command::new("less");
            less.arg("-FSX");
            less
        }
    };
    let mut process = command.stdin(Stdio::piped()).spawn().ok()?;
    let input = process.stdin.take().map(BufWriter::new);
    Some(Pager { input, process })
}
