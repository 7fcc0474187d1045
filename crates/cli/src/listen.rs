//! Listens on every address of this machine, IPv6 and IPv4 by one socket, or on one address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use anyhow::anyhow;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, as in the standard library.
const BACKLOG: i32 = 128;

/// Listens on a port of an address, or of every address.
pub(crate) fn listen(address: Option<IpAddr>, port: u16) -> anyhow::Result<TcpListener> {
    let taken = match address {
        Some(address) => bind(SocketAddr::new(address, port)),
        None => bind_all(port),
    };
    taken.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!("port {port} is taken: set PORT to a free one"),
        io::ErrorKind::AddrNotAvailable => {
            anyhow!("cannot listen on {}: this machine does not have the address", shown(address))
        }
        _ => anyhow!("cannot listen on port {port} of {}: {error}", shown(address)),
    })
}

fn shown(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "every address".to_owned(), |address| address.to_string())
}

/// Listens on `[::]`, which includes IPv4, or on `0.0.0.0` if this machine has no IPv6.
fn bind_all(port: u16) -> io::Result<TcpListener> {
    match bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        bound => bound,
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // The system's default may exclude IPv4.
        socket.set_only_v6(false)?;
    }
    // As in the standard library: closed connections of an earlier process do not block the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn listens_on_both_address_families() {
        let listener = listen(None, 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        assert_eq!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok(), has_v6);
        let error = listen(None, port).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
    }

    #[test]
    fn listens_on_a_named_address_only() {
        let listener = listen(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
        let error = listen(Some("192.0.2.1".parse().unwrap()), 0).unwrap_err().to_string();
        assert!(error.contains("192.0.2.1"), "{error}");
    }
}
