package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestFlightSqlConnectsByPasswordAndGoesOnByToken(t *testing.T) {
	proves(t, "connect: user and password", "connect: session token", "connect: call headers")
	one := open(t)
	one.run("SET VARIABLE mark = 'kept'")
	other := client(t)
	again := &session{other, one.ctx, t}
	equal(t, "variable", "[[kept]]", again.query("SELECT getvariable('mark')"))
}

func TestFlightSqlIsRefusedWithAWrongPassword(t *testing.T) {
	proves(t, "connect: wrong password refused")
	c := client(t)
	_, err := c.Client.AuthenticateBasicToken(context.Background(), setting(t, "DATABASE_USER"), "wrong")
	refused(t, err, "[28P01]")
	equal(t, "code", codes.Unauthenticated, status.Code(err))
	_, err = c.Execute(context.Background(), "SELECT 1")
	refused(t, err, "[28000]")
	duck := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer duck")
	_, err = c.Execute(duck, "SELECT 1")
	refused(t, err, "[28000]")
}

func TestFlightSqlTwoConnectionsAreTwoSessions(t *testing.T) {
	proves(t, "connect: two connections are two sessions")
	one, other := open(t), open(t)
	one.run("SET VARIABLE mine = 1", "CREATE TEMPORARY TABLE own (i INTEGER)")
	equal(t, "mine", "[[1]]", one.query("SELECT getvariable('mine')"))
	equal(t, "theirs", "[[(null)]]", other.query("SELECT getvariable('mine')"))
	refused(t, other.fails("FROM own"), "[42P01]")
}

func TestFlightSqlCookiesNameASession(t *testing.T) {
	proves(t, "connect: cookies")
	// Of two connections by password alone, which keep their cookies in one place.
	kept := []flight.ClientMiddleware{flight.NewClientCookieMiddleware()}
	password := base64.StdEncoding.EncodeToString([]byte(setting(t, "DATABASE_USER") + ":" + setting(t, "DATABASE_PASSWORD")))
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Basic "+password)
	connect := func(middleware []flight.ClientMiddleware) *session {
		c, err := flightsql.NewClient(setting(t, "SERVER"), nil, middleware, grpc.WithTransportCredentials(insecure.NewCredentials()))
		succeeds(t, err)
		t.Cleanup(func() { succeeds(t, c.Close()) })
		return &session{c, ctx, t}
	}
	// The client reads the cookies of calls that have one answer.
	connect(kept).query("SET VARIABLE mark = 'kept'")
	equal(t, "with the cookies", "[[kept]]", connect(kept).query("SELECT getvariable('mark')"))
	equal(t, "without them", "[[(null)]]", connect(nil).query("SELECT getvariable('mark')"))
}

func TestFlightSqlASessionEndsWhenItIsClosed(t *testing.T) {
	proves(t, "connect: session ends with its connection")
	s := open(t)
	result, err := s.CloseSession(s.ctx, &flight.CloseSessionRequest{})
	succeeds(t, err)
	equal(t, "status", flight.CloseSessionResultClosed, result.Status)
	refused(t, s.fails("SELECT 1"), "[28000]")
}

func TestFlightSqlGoesOnAfterAnError(t *testing.T) {
	proves(t, "connect: goes on after an error", "error: SQLSTATE", "error: status", "error: details", "error: message with its advice")
	s := open(t)
	for sql, expected := range map[string]struct {
		text string
		code codes.Code
	}{
		"FROM flihts":                  {"[42P01]", codes.NotFound},
		"SELECT carier FROM flights":   {"[42703]", codes.InvalidArgument},
		"SELEC 1":                      {"[42601]", codes.InvalidArgument},
		"SELECT 'x'::INTEGER AS i":     {"[22P02]", codes.InvalidArgument},
		"COPY (SELECT 1) TO '/tmp/no'": {"[42501]", codes.PermissionDenied},
	} {
		err := s.fails(sql)
		refused(t, err, expected.text)
		equal(t, "code of "+sql, expected.code, status.Code(err))
		if len(status.Convert(err).Details()) == 0 {
			t.Fatalf("%s: the error has no details", sql)
		}
		equal(t, "answer", "[[42]]", s.query("SELECT 42"))
	}
}

func TestTlsConnectsWithACertificateAlone(t *testing.T) {
	proves(t, "connect: TLS", "connect: client certificate")
	authority, err := os.ReadFile(setting(t, "AUTHORITY"))
	succeeds(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Fatal("the authority is no certificate")
	}
	own, err := tls.LoadX509KeyPair(setting(t, "CERTIFICATE"), setting(t, "CERTIFICATE_KEY"))
	succeeds(t, err)
	connect := func(config *tls.Config) error {
		c, err := flightsql.NewClient(setting(t, "SERVER"), nil, nil, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		succeeds(t, err)
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		ctx, err = c.Client.AuthenticateBasicToken(ctx, setting(t, "DATABASE_USER"), setting(t, "DATABASE_PASSWORD"))
		if err == nil {
			equal(t, "answer", "[[42]]", (&session{c, ctx, t}).query("SELECT 42"))
		}
		return err
	}
	succeeds(t, connect(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}))
	refused(t, connect(&tls.Config{RootCAs: pool}), "")
	refused(t, connect(&tls.Config{Certificates: []tls.Certificate{own}}), "certificate")
}
