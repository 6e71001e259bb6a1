package clients

import (
	"testing"
)

func TestFlightSqlCommitKeepsAndRollbackDrops(t *testing.T) {
	proves(t, "transaction: commit", "transaction: rollback", "transaction: autocommit", "transaction: not seen by others before its commit")
	s, witness := open(t), open(t)
	s.run("CREATE TABLE go_settled (i INTEGER)")
	count := func(s *session) string { return s.query("SELECT count(*) FROM go_settled")[0][0] }

	transaction, err := s.BeginTransaction(s.ctx)
	succeeds(t, err)
	changed, err := transaction.ExecuteUpdate(s.ctx, "INSERT INTO go_settled VALUES (1)")
	succeeds(t, err)
	equal(t, "inserted", 1, changed)
	info, err := transaction.Execute(s.ctx, "SELECT count(*) FROM go_settled")
	succeeds(t, err)
	_, own := s.rows(info)
	equal(t, "own", "[[1]]", own)
	prepared, err := transaction.Prepare(s.ctx, "INSERT INTO go_settled VALUES (2)")
	succeeds(t, err)
	_, err = prepared.ExecuteUpdate(s.ctx)
	succeeds(t, err)
	succeeds(t, prepared.Close(s.ctx))
	equal(t, "not committed", "0", count(witness))
	succeeds(t, transaction.Commit(s.ctx))
	equal(t, "committed", "2", count(witness))

	transaction, err = s.BeginTransaction(s.ctx)
	succeeds(t, err)
	_, err = transaction.ExecuteUpdate(s.ctx, "DELETE FROM go_settled")
	succeeds(t, err)
	succeeds(t, transaction.Rollback(s.ctx))
	equal(t, "rolled back", "2", count(s))
	s.run("INSERT INTO go_settled VALUES (3)")
	equal(t, "by itself", "3", count(witness))
}

func TestFlightSqlAnAbortedTransactionSaysSoUntilItIsRolledBack(t *testing.T) {
	proves(t, "transaction: aborted by an error until rolled back")
	s := open(t)
	s.run("CREATE TABLE go_keyed (i INTEGER PRIMARY KEY)")
	transaction, err := s.BeginTransaction(s.ctx)
	succeeds(t, err)
	_, err = transaction.ExecuteUpdate(s.ctx, "INSERT INTO go_keyed VALUES (1)")
	succeeds(t, err)
	_, err = transaction.ExecuteUpdate(s.ctx, "INSERT INTO go_keyed VALUES (1)")
	refused(t, err, "[23505]")
	for range 3 {
		_, err = transaction.ExecuteUpdate(s.ctx, "INSERT INTO go_keyed VALUES (2)")
		refused(t, err, "[25P02]")
	}
	succeeds(t, transaction.Rollback(s.ctx))
	equal(t, "none", "[[0]]", s.query("SELECT count(*) FROM go_keyed"))
}

func TestFlightSqlTransactionsBySqlText(t *testing.T) {
	proves(t, "transaction: by SQL text")
	s := open(t)
	s.run("CREATE TABLE go_texts (i INTEGER)", "BEGIN", "INSERT INTO go_texts VALUES (1)", "ROLLBACK")
	equal(t, "none", "[[0]]", s.query("SELECT count(*) FROM go_texts"))
	s.run("BEGIN", "INSERT INTO go_texts VALUES (1)", "COMMIT")
	equal(t, "one", "[[1]]", s.query("SELECT count(*) FROM go_texts"))
}

func TestFlightSqlOfTransactionsThereIsOneIsolationAndNoSavepoint(t *testing.T) {
	lacks(t, "the client begins all transactions alike", "transaction: isolation level")
	s := open(t)
	transaction, err := s.BeginTransaction(s.ctx)
	succeeds(t, err)
	_, err = transaction.BeginSavepoint(s.ctx, "here")
	refused(t, err, "[0A000]")
	succeeds(t, transaction.Rollback(s.ctx))
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
}
