package clients

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	gen "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// begun waits until a sequence, which a statement moves when it begins, has moved.
func begun(t *testing.T, witness *session, sequence string) {
	t.Helper()
	sql := "SELECT coalesce(last_value, 0) > 0 FROM duckdb_sequences() WHERE sequence_name = '" + sequence + "'"
	for witness.query(sql)[0][0] != "true" {
		time.Sleep(10 * time.Millisecond)
	}
}

// moving is a query without an end that moves a sequence when it begins.
func moving(sequence string) string {
	return "SELECT count(*) FROM (SELECT nextval('" + sequence + "') AS n) s, range(100000000000) a(i), range(100) b(i)" +
		" WHERE (a.i + b.i + s.n) % 7 = 9"
}

func TestFlightSqlAStatementIsCancelled(t *testing.T) {
	for name, capability := range map[string]string{"by its context": "cancel: from another thread", "by its FlightInfo": "cancel: by FlightInfo", "by the older action": ""} {
		t.Run(name, func(t *testing.T) {
			if capability != "" {
				proves(t, capability)
			}
			s, witness := open(t), open(t)
			s.run("CREATE SEQUENCE \"" + name + "\"")
			info, err := s.Execute(s.ctx, moving("\""+name+"\""))
			succeeds(t, err)
			reading, cancel := context.WithCancel(s.ctx)
			defer cancel()
			failure := make(chan error, 1)
			go func() {
				reader, err := s.DoGet(reading, info.Endpoint[0].Ticket)
				if err == nil {
					for reader.Next() {
					}
					err = reader.Err()
				}
				failure <- err
			}()
			begun(t, witness, name)
			switch name {
			case "by its context":
				cancel()
			case "by its FlightInfo":
				result, err := s.CancelFlightInfo(s.ctx, &flight.CancelFlightInfoRequest{Info: info})
				succeeds(t, err)
				equal(t, "status", flight.CancelStatusCancelled, result.Status)
			default:
				result, err := s.CancelQuery(s.ctx, info)
				succeeds(t, err)
				equal(t, "result", flightsql.CancelResultCancelled, result)
			}
			if err := <-failure; err == nil {
				t.Fatal("it ended by itself")
			}
			equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
		})
	}
}

func TestFlightSqlALongStatementIsPolled(t *testing.T) {
	proves(t, "poll: incremental execution", "poll: change made once", "poll: endpoint renewed")
	s := open(t)
	s.run("CREATE TABLE go_polled (i BIGINT)")
	poll := func(sql string) *flight.FlightInfo {
		found, err := s.ExecutePoll(s.ctx, sql, nil)
		succeeds(t, err)
		for found.GetFlightDescriptor() != nil {
			if found.Info == nil {
				t.Fatal("a poll tells no FlightInfo")
			}
			found, err = s.ExecutePoll(s.ctx, "", found.GetFlightDescriptor())
			succeeds(t, err)
		}
		return found.Info
	}
	_, rows := s.rows(poll("SELECT 42 AS answer"))
	equal(t, "rows", "[[42]]", rows)
	info := poll("INSERT INTO go_polled FROM range(3000000)")
	for range 2 {
		s.rows(info)
	}
	equal(t, "rows", "[[3000000]]", s.query("SELECT count(*) FROM go_polled"))

	renewed, err := s.RenewFlightEndpoint(s.ctx, &flight.RenewFlightEndpointRequest{Endpoint: info.Endpoint[0]})
	succeeds(t, err)
	if renewed.Ticket == nil {
		t.Fatal("a renewed endpoint has no ticket")
	}
	again := proto.Clone(info).(*flight.FlightInfo)
	again.Endpoint = []*flight.FlightEndpoint{renewed}
	s.rows(again)
	equal(t, "rows", "[[3000000]]", s.query("SELECT count(*) FROM go_polled"))
}

func TestFlightSqlAPolledStatementTellsItsProgress(t *testing.T) {
	proves(t, "poll: progress")
	s := open(t)
	s.run("CREATE SEQUENCE go_progress")
	found, err := s.ExecutePoll(s.ctx, "CREATE TABLE go_unmade AS "+moving("go_progress"), nil)
	succeeds(t, err)
	if found.GetFlightDescriptor() == nil {
		t.Fatal("a statement without an end has ended")
	}
	if found.Progress != nil && (found.GetProgress() < 0 || found.GetProgress() > 1) {
		t.Fatalf("the progress is %f", found.GetProgress())
	}
	_, err = s.CancelFlightInfo(s.ctx, &flight.CancelFlightInfoRequest{Info: found.Info})
	succeeds(t, err)
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
}

func TestFlightSqlPartitionsAreReadAgainAndFromAnotherConnection(t *testing.T) {
	proves(t, "partition: execute", "partition: read from another connection", "partition: read again")
	s := open(t)
	info, err := s.Execute(s.ctx, "SELECT 42 AS answer")
	succeeds(t, err)
	equal(t, "endpoints", 1, len(info.Endpoint))
	again := &session{client(t), s.ctx, t}
	for range 2 {
		_, rows := again.rows(info)
		equal(t, "rows", "[[42]]", rows)
	}
	refused(t, open(t).fetchFails(info), "another session")
}

// timedOut fails unless a deadline has ended the call. Client and server both watch it, and each has its own code for it.
func timedOut(t *testing.T, err error) {
	t.Helper()
	if code := status.Code(err); code != codes.DeadlineExceeded && code != codes.Canceled {
		t.Fatalf("the call ended with %v", err)
	}
}

func TestFlightSqlTimeouts(t *testing.T) {
	proves(t, "timeout: of the session", "timeout: of the statement", "timeout: of the fetch", "timeout: of an update")
	s := open(t)
	info, err := s.Execute(s.ctx, endless)
	succeeds(t, err)
	ctx, cancel := context.WithTimeout(s.ctx, 200*time.Millisecond)
	defer cancel()
	limited := &session{s.Client, ctx, t}
	timedOut(t, limited.fetchFails(info))
	updating, cancelUpdate := context.WithTimeout(s.ctx, 200*time.Millisecond)
	defer cancelUpdate()
	_, err = s.ExecuteUpdate(updating, "CREATE TABLE go_late AS "+endless)
	timedOut(t, err)
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
	_, err = s.set(map[string]any{"pintail.statement_timeout": "200ms"})
	succeeds(t, err)
	refused(t, s.fails(endless), "200ms")
	_, err = s.set(map[string]any{"pintail.statement_timeout": nil})
	succeeds(t, err)
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
}

func TestFlightSqlActionsAreListed(t *testing.T) {
	proves(t, "action: listed", "action: unknown refused")
	s := open(t)
	stream, err := s.Client.Client.ListActions(s.ctx, &flight.Empty{})
	succeeds(t, err)
	listed := map[string]bool{}
	for action, err := stream.Recv(); err == nil; action, err = stream.Recv() {
		listed[action.Type] = true
	}
	for _, name := range []string{flightsql.CreatePreparedStatementActionType, flightsql.ClosePreparedStatementActionType,
		flightsql.BeginTransactionActionType, flightsql.EndTransactionActionType, flight.CancelFlightInfoActionType,
		flight.RenewFlightEndpointActionType, flight.SetSessionOptionsActionType, flight.GetSessionOptionsActionType, flight.CloseSessionActionType} {
		equal(t, name+" is listed", true, listed[name])
	}
	results, err := s.Client.Client.DoAction(s.ctx, &flight.Action{Type: "Duck"})
	succeeds(t, err)
	_, err = results.Recv()
	refused(t, err, "Duck")
	equal(t, "code", codes.Unimplemented, status.Code(err))
	_, err = s.ExecuteSubstrait(s.ctx, flightsql.SubstraitPlan{Plan: []byte{1}, Version: "1"})
	refused(t, err, "[0A000]")
}

func TestFlightSqlExchangesParametersForRows(t *testing.T) {
	proves(t, "exchange: parameters in, rows out")
	s := open(t)
	command, err := anypb.New(&gen.CommandStatementQuery{Query: "SELECT CAST(? AS INTEGER) * 10 AS n"})
	succeeds(t, err)
	bytes, err := proto.Marshal(command)
	succeeds(t, err)
	stream, err := s.Client.Client.DoExchange(s.ctx)
	succeeds(t, err)
	batch := values(t, arrow.PrimitiveTypes.Int32, "[1, 2]")
	writer := flight.NewRecordWriter(stream, ipc.WithSchema(batch.Schema()))
	writer.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: bytes})
	succeeds(t, writer.Write(batch))
	succeeds(t, writer.Close())
	succeeds(t, stream.CloseSend())
	reader, err := flight.NewRecordReader(stream)
	succeeds(t, err)
	defer reader.Release()
	var rows [][]string
	for reader.Next() {
		rows = append(rows, texts(reader.RecordBatch())...)
	}
	if err := reader.Err(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	equal(t, "rows", "[[10] [20]]", rows)
}
