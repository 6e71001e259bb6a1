package clients

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (s *session) set(options map[string]any) (*flight.SetSessionOptionsResult, error) {
	s.t.Helper()
	values, err := flight.NewSessionOptionValues(options)
	succeeds(s.t, err)
	return s.SetSessionOptions(s.ctx, &flight.SetSessionOptionsRequest{SessionOptions: values})
}

func (s *session) option(name string) string {
	s.t.Helper()
	options, err := s.GetSessionOptions(s.ctx, &flight.GetSessionOptionsRequest{})
	succeeds(s.t, err)
	value, there := options.SessionOptions[name]
	if !there {
		return "none"
	}
	return fmt.Sprint(value.GetStringValue())
}

func TestFlightSqlSessionOptionsAreSetAndRead(t *testing.T) {
	proves(t, "session option: set", "session option: get", "session option: unset", "session option: unknown refused",
		"session option: current catalog", "session option: current schema")
	s := open(t)
	s.run("CREATE SCHEMA go_options")
	result, err := s.set(map[string]any{"schema": "go_options", "pintail.infinity": "null"})
	succeeds(t, err)
	equal(t, "refused", 0, len(result.Errors))
	equal(t, "schema", "go_options go_options", s.option("schema")+" "+s.query("SELECT current_schema()")[0][0])
	equal(t, "infinity", "null (null)", s.option("pintail.infinity")+" "+s.query("SELECT 'infinity'::DATE")[0][0])
	result, err = s.set(map[string]any{"pintail.infinity": nil})
	succeeds(t, err)
	equal(t, "refused", 0, len(result.Errors))
	refused(t, s.fails("SELECT 'infinity'::DATE AS d"), "[22003]")

	result, err = s.set(map[string]any{"duck": "goose", "pintail.infinity": "goose"})
	succeeds(t, err)
	equal(t, "errors", "INVALID_NAME INVALID_VALUE", fmt.Sprint(result.Errors["duck"].Value, " ", result.Errors["pintail.infinity"].Value))

	catalog := s.query("SELECT current_database()")[0][0]
	equal(t, "catalog", catalog, s.option("catalog"))
	_, err = s.set(map[string]any{"catalog": "nowhere"})
	equal(t, "code", codes.NotFound, status.Code(err))
	_, err = s.set(map[string]any{"catalog": "temp"})
	succeeds(t, err)
	equal(t, "catalog", "[[temp]]", s.query("SELECT current_database()"))
}
