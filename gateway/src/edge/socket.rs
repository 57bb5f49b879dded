//! Listening sockets: one for each thread on the same address, so that the kernel spreads the connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use parapet_connect::ALIVE;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// `count` sockets, at least one, listening on one address; with port 0 on the same free port.
///
/// # Errors
/// When the address is not ours, or taken.
pub(super) fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Sockets that share a port also share it with those of another process, and then each would get a part
        // of the connections. One that does not share finds that out.
        socket(address, false)?;
    }
    let first = socket(address, true)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(socket(address, true)?);
    }
    Ok(sockets)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // Accepted connections inherit both. Without the first, small writes wait for acknowledgements.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&ALIVE)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
