//! A way to the server on which one answer can be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on to the server, until the answer that is to be lost.
pub struct Proxy {
    pub port: u16,
    lost: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy that loses the answer to the first run of a statement that contains `text`: the server has done what was
    /// asked, and the connection is closed in the place of its answer.
    pub async fn losing(text: &'static str, server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lost = Arc::new(AtomicBool::new(false));
        let proxy = Self { port, lost: lost.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(pass(client, server, text, lost.clone()));
            }
        });
        proxy
    }

    /// Whether the answer was lost.
    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, text: &str, lost: Arc<AtomicBool>) {
    // A statement is prepared by its text first, and run with the next message.
    let (mut is_prepared, mut is_run) = (false, false);
    let (mut from_client, mut from_server) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let bytes = match read {
                    Ok(n) if n > 0 => &from_client[..n],
                    _ => return,
                };
                is_run = is_prepared;
                is_prepared = is_prepared || bytes.windows(text.len()).any(|window| window == text.as_bytes());
                if server.write_all(bytes).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let bytes = match read {
                    Ok(n) if n > 0 => &from_server[..n],
                    _ => return,
                };
                if is_run && !lost.swap(true, Ordering::SeqCst) {
                    return;
                }
                if client.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}
