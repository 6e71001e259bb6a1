"""Nodes talk to each other by mutual TLS, and believe nobody who does not know the cluster's secret."""

import socket

import pyarrow.flight as flight
import pytest

from cluster import Cluster
from pintail_process import PASSWORD, USER
from test_tls import answer, certificates, server_arguments  # noqa: F401


def test_calls_are_passed_on_by_mutual_tls(postgres, certificates):  # noqa: F811
    own = [*server_arguments(certificates), "--peer-tls-ca", certificates / "ca.pem"]
    cluster = Cluster(postgres.new_database(), nodes=2, roles=["front", "engine"], arguments=[str(word) for word in own])
    front, engine = cluster.nodes
    assert answer(front.uri, certificates) == 42
    rows = {row["name"]: row for row in cluster.command("nodes", "ls", "--format", "json")}
    peer = rows["node1"]["peer"]
    assert peer.startswith("grpc+tls://")
    # Without a certificate of the authority nothing is even read.
    host, port = peer.removeprefix("grpc+tls://").split(":")
    with socket.create_connection((host, int(port)), 10) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        plain.settimeout(30)
        assert not plain.recv(1000).startswith(b"\x00\x00"), "it is no HTTP/2 without TLS"
    with flight.FlightClient(peer, tls_root_certs=(certificates / "ca.pem").read_bytes()) as client:
        with pytest.raises((flight.FlightUnavailableError, flight.FlightInternalError)):
            client.authenticate_basic_token(USER, PASSWORD)
    cluster.close()
    assert not engine.process.poll()


def test_the_port_of_peers_takes_no_client(postgres):
    cluster = Cluster(postgres.new_database(), nodes=1)
    peer = cluster.command("nodes", "ls", "--format", "json")[0]["peer"]
    with flight.FlightClient(peer) as client, pytest.raises(flight.FlightUnauthenticatedError, match="no proof of the cluster"):
        client.authenticate_basic_token(USER, PASSWORD)
    cluster.close()
