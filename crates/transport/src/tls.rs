//! Listening with TLS, and who must: whoever listens where others can reach it.

use std::fs::File;
use std::io;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use crate::setup::SetupError;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many handshakes may be under way.
const HANDSHAKES: usize = 256;

/// Whether a plane may listen at `address`: on loopback always; elsewhere with TLS, or when whoever starts it says
/// that plaintext is fine (because something in front of it does TLS).
///
/// # Errors
/// [`SetupError::Plaintext`] otherwise.
pub fn may_listen(address: SocketAddr, tls: bool, insecure_plaintext: bool) -> Result<(), SetupError> {
    if tls || insecure_plaintext || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(SetupError::Plaintext(address))
    }
}

/// What a server needs for TLS: a chain of certificates, the server's own first, and its key, both PEM.
///
/// # Errors
/// [`SetupError::File`], [`SetupError::Certificate`] or [`SetupError::Tls`], with the file that is at fault.
pub fn server_config(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, SetupError> {
    let chain = read_certificates("the certificate", certificates)?;
    let file = open("the certificate's key", key)?;
    let key = PrivateKeyDer::from_pem_reader(BufReader::new(file)).map_err(|source| SetupError::Certificate {
        what: "the certificate's key",
        path: key.to_owned(),
        source: Box::new(source),
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(SetupError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a client needs for TLS: the system's certificates, and those of `ca` (PEM) beside them.
pub(crate) fn client_config(ca: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    // A container without any is no mistake: its dispatcher may be on loopback, or its certificates in `ca`.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = ca {
        for certificate in read_certificates("the CA certificate", ca)? {
            roots.add(certificate).map_err(SetupError::Tls)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(SetupError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn open(what: &'static str, path: &Path) -> Result<File, SetupError> {
    File::open(path).map_err(|source| SetupError::File { what, path: path.to_owned(), source })
}

fn read_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let bad = |source| SetupError::Certificate { what, path: path.to_owned(), source };
    let file = BufReader::new(open(what, path)?);
    let chain: Vec<_> =
        CertificateDer::pem_reader_iter(file).collect::<Result<_, _>>().map_err(|source| bad(Box::new(source)))?;
    if chain.is_empty() { Err(bad("there is no certificate in it".into())) } else { Ok(chain) }
}

/// A socket that gives connections whose handshake is over, so that a client who is slow at it keeps nobody waiting.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    _accepting: AbortOnDropHandle<()>,
}

impl TlsListener {
    /// Accepts connections at `socket` from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// The socket's own.
    pub fn new(socket: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let (sender, ready) = mpsc::channel(HANDSHAKES);
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(socket, config.into(), sender)));
        Ok(Self { address, ready, _accepting: accepting })
    }
}

async fn accept(
    mut socket: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await {
        let (stream, peer) = Listener::accept(&mut socket).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let handshake = async {
                stream.set_nodelay(true)?;
                acceptor.accept(stream).await
            };
            match tokio::time::timeout(HANDSHAKE, handshake).await {
                // Nobody receives any more: the server is ending.
                Ok(Ok(stream)) => drop(ready.send((stream, peer)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // Accepting ends only with the listener, or with the runtime.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_stays_on_loopback_unless_somebody_says_so() {
        for (address, tls, insecure, allowed) in [
            ("127.0.0.1:1", false, false, true),
            ("127.8.8.8:1", false, false, true),
            ("[::1]:1", false, false, true),
            ("[::ffff:127.0.0.1]:1", false, false, true),
            ("0.0.0.0:1", false, false, false),
            ("[::]:1", false, false, false),
            ("192.168.0.1:1", false, false, false),
            ("192.168.0.1:1", true, false, true),
            ("0.0.0.0:1", false, true, true),
        ] {
            assert_eq!(may_listen(address.parse().unwrap(), tls, insecure).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.pem");
        std::fs::write(&path, "nothing").unwrap();
        let error = server_config(&path, &path).unwrap_err().to_string();
        assert!(error.contains("empty.pem"), "{error}");
        assert!(matches!(server_config(&folder.path().join("none"), &path), Err(SetupError::File { .. })));
    }
}
