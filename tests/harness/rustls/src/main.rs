//! Makes one HTTPS request by rustls, whose functions have no names that a hook could know:
//!
//!     rustls-client ADDRESS:PORT HOST CA_FILE AUTHORIZATION FORM
//!
//! HOST is what it asks the server for by name (SNI). Ends with 1 where the answer is no 200.
use std::io::{Error, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{pem::PemObject, CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() -> Result<(), Error> {
    let given: Vec<String> = std::env::args().collect();
    let [_, address, host, ca, authorization, form] = given.as_slice() else {
        return Err(Error::other("five arguments are wanted"));
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).map_err(Error::other)?)
        .map_err(Error::other)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.clone()).map_err(Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(Error::other)?;
    let mut server = StreamOwned::new(connection, TcpStream::connect(address)?);
    write!(
        server,
        "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = [0; 12];
    server.read_exact(&mut answer)?;
    std::process::exit(i32::from(&answer != b"HTTP/1.1 200"));
}
