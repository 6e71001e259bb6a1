// Package clients drives a Pintail server with the Arrow project's Go clients: flightsql, and database/sql over it.
//
// Each test has a session of its own. What it has shown of its client goes to standard output, in the lines that
// tests/python/drivers.py takes.
package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// deadline is the longest a test waits for anything: reached only when something is broken.
const deadline = 120 * time.Second

// endless is a query that does not end by itself.
const endless = "SELECT count(*) FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9"

func TestMain(m *testing.M) {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "github.com/apache/arrow-go/v18" {
				fmt.Printf("version\t%s\n", strings.TrimPrefix(module.Version, "v"))
			}
		}
	}
	os.Exit(m.Run())
}

// proves reports, when the test has ended, whether its client has these capabilities.
func proves(t *testing.T, capabilities ...string) {
	t.Cleanup(func() {
		for _, capability := range capabilities {
			if t.Failed() {
				fmt.Printf("capability\t%s\tfail\t%s\n", capability, t.Name())
			} else {
				fmt.Printf("capability\t%s\tpass\n", capability)
			}
		}
	})
}

// lacks reports that the client does not offer these.
func lacks(t *testing.T, reason string, capabilities ...string) {
	t.Cleanup(func() {
		for _, capability := range capabilities {
			if !t.Failed() {
				fmt.Printf("capability\t%s\tnot offered\t%s\n", capability, reason)
			}
		}
	})
}

func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run this by tests/run.sh python -k go", name)
	}
	return value
}

// session is a client with the token of a session in its context.
type session struct {
	*flightsql.Client
	ctx context.Context
	t   *testing.T
}

func client(t *testing.T) *flightsql.Client {
	t.Helper()
	found, err := flightsql.NewClient(setting(t, "SERVER"), nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	succeeds(t, err)
	t.Cleanup(func() { succeeds(t, found.Close()) })
	return found
}

func open(t *testing.T) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	found := client(t)
	ctx, err := found.Client.AuthenticateBasicToken(ctx, setting(t, "DATABASE_USER"), setting(t, "DATABASE_PASSWORD"))
	succeeds(t, err)
	return &session{found, ctx, t}
}

// rows reads all endpoints of a FlightInfo: the schema, and each row as the texts of its values.
func (s *session) rows(info *flight.FlightInfo) (*arrow.Schema, [][]string) {
	s.t.Helper()
	var schema *arrow.Schema
	var rows [][]string
	for _, endpoint := range info.Endpoint {
		reader, err := s.DoGet(s.ctx, endpoint.Ticket)
		succeeds(s.t, err)
		schema = reader.Schema()
		if info.Schema != nil {
			told, err := flight.DeserializeSchema(info.Schema, memory.DefaultAllocator)
			succeeds(s.t, err)
			if !told.Equal(schema) {
				s.t.Fatalf("the FlightInfo tells %s and the stream %s", told, schema)
			}
		}
		for reader.Next() {
			rows = append(rows, texts(reader.RecordBatch())...)
		}
		succeeds(s.t, ended(reader.Err()))
		reader.Release()
	}
	return schema, rows
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func texts(batch arrow.RecordBatch) [][]string {
	var rows [][]string
	for row := range int(batch.NumRows()) {
		var values []string
		for _, column := range batch.Columns() {
			values = append(values, column.ValueStr(row))
		}
		rows = append(rows, values)
	}
	return rows
}

func (s *session) query(sql string) [][]string {
	s.t.Helper()
	info, err := s.Execute(s.ctx, sql)
	succeeds(s.t, err)
	_, rows := s.rows(info)
	return rows
}

// batch is the only batch of a query.
func (s *session) batch(sql string) arrow.RecordBatch {
	s.t.Helper()
	info, err := s.Execute(s.ctx, sql)
	succeeds(s.t, err)
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	succeeds(s.t, err)
	defer reader.Release()
	if !reader.Next() {
		s.t.Fatalf("%s gives no batch: %v", sql, reader.Err())
	}
	batch := reader.RecordBatch()
	batch.Retain()
	s.t.Cleanup(batch.Release)
	return batch
}

// run executes statements for their effect; it returns the count of the last.
func (s *session) run(statements ...string) int64 {
	s.t.Helper()
	var changed int64
	for _, sql := range statements {
		var err error
		changed, err = s.ExecuteUpdate(s.ctx, sql)
		if err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
	}
	return changed
}

// fails is the error of a query, wherever on its way it comes.
func (s *session) fails(sql string) error {
	s.t.Helper()
	info, err := s.Execute(s.ctx, sql)
	if err != nil {
		return err
	}
	return s.fetchFails(info)
}

func (s *session) fetchFails(info *flight.FlightInfo) error {
	s.t.Helper()
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
	}
	return ended(reader.Err())
}

func succeeds(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails unless the error's message has the text.
func refused(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("there is no error; expected one with %q", text)
	}
	if !strings.Contains(err.Error(), text) {
		t.Fatalf("the error %q (%s) has no %q", err, status.Code(err), text)
	}
}

func equal(t *testing.T, what string, expected, found any) {
	t.Helper()
	if one, other := fmt.Sprint(expected), fmt.Sprint(found); one != other {
		t.Fatalf("%s: expected %s, found %s", what, one, other)
	}
}

// values is a batch with one column a parameter, each of one type with its values as JSON.
func values(t *testing.T, columns ...any) arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	var arrays []arrow.Array
	for i := 0; i < len(columns); i += 2 {
		ty := columns[i].(arrow.DataType)
		array, _, err := array.FromJSON(memory.DefaultAllocator, ty, strings.NewReader(columns[i+1].(string)))
		succeeds(t, err)
		fields = append(fields, arrow.Field{Name: fmt.Sprint(i/2 + 1), Type: ty, Nullable: true})
		arrays = append(arrays, array)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(arrays[0].Len()))
}

func schemaOf(t *testing.T, result *flight.SchemaResult, err error) *arrow.Schema {
	t.Helper()
	succeeds(t, err)
	schema, err := flight.DeserializeSchema(result.GetSchema(), memory.DefaultAllocator)
	succeeds(t, err)
	return schema
}

var allocator = memory.DefaultAllocator

// token is the one that the session was opened with.
func token(s *session) string {
	s.t.Helper()
	headers, _ := metadata.FromOutgoingContext(s.ctx)
	return strings.TrimPrefix(headers.Get("authorization")[0], "Bearer ")
}
