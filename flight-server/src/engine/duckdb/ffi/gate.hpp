// What stands between the threads that compute a result and its reader.

#pragma once

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/parallel/interrupt.hpp"

#include <chrono>
#include <condition_variable>

namespace pintail {

using namespace duckdb;

// Takes rows of a chunk from an offset on, and tells how many it took; fewer than there are when it has enough, a negative
// number when it failed.
typedef int64_t (*take_rows)(void *receiver, duckdb_data_chunk chunk, uint64_t offset);
// The same for rows of a part, for which several threads call at a time, each with a part of its own, or without parts.
typedef int64_t (*take_rows_of_part)(void *receiver, duckdb_data_chunk chunk, uint64_t offset, uint64_t part);
// Tells which part is the first of those that are not complete; whether that is another than before.
typedef bool (*advance_parts)(void *receiver, uint64_t first);
// Whether the receiver has a batch to be fetched.
typedef bool (*has_batch)(void *receiver);

class Gate {
public:
	Gate(void *receiver, take_rows take, has_batch has_batch)
	    : receiver(receiver), take(take), take_of_part(nullptr), advance(nullptr), ready(has_batch) {
	}

	Gate(void *receiver, take_rows_of_part take, advance_parts advance, has_batch has_batch)
	    : receiver(receiver), take(nullptr), take_of_part(take), advance(advance), ready(has_batch) {
	}

	// Takes rows on behalf of a pipeline, which is blocked when not all were taken.
	int64_t Take(DataChunk &chunk, idx_t offset, const InterruptState &pipeline) {
		lock_guard<mutex> guard(lock);
		if (!receiver) {
			return -1;
		}
		auto taken = take(receiver, reinterpret_cast<duckdb_data_chunk>(&chunk), offset);
		if (taken >= 0 && offset + UnsafeNumericCast<idx_t>(taken) < chunk.size()) {
			blocked.push_back(pipeline);
		}
		batch.notify_all();
		return taken;
	}

	// The same for rows of a part, without keeping other threads from theirs.
	int64_t TakeOfPart(DataChunk &chunk, idx_t offset, idx_t part, const InterruptState &pipeline) {
		int64_t all = 0;
		while (true) {
			idx_t opened_before;
			{
				lock_guard<mutex> guard(lock);
				if (!receiver) {
					return -1;
				}
				users++;
				opened_before = opened;
			}
			auto taken = take_of_part(receiver, reinterpret_cast<duckdb_data_chunk>(&chunk), offset, part);
			lock_guard<mutex> guard(lock);
			users--;
			left.notify_all();
			batch.notify_all();
			if (taken < 0) {
				return taken;
			}
			all += taken;
			offset += UnsafeNumericCast<idx_t>(taken);
			if (offset == chunk.size()) {
				return all;
			}
			// Where it was opened meanwhile, nobody would open it again for this pipeline.
			if (opened == opened_before) {
				blocked.push_back(pipeline);
				return all;
			}
		}
	}

	// Tells which part is the first, and lets those go on that wait for their turn.
	void Advance(idx_t first) {
		{
			lock_guard<mutex> guard(lock);
			if (!receiver || !advance(receiver, first)) {
				return;
			}
		}
		Open();
	}

	bool Ready() {
		lock_guard<mutex> guard(lock);
		return receiver && ready(receiver);
	}

	// Waits until the receiver has a batch, at most so long.
	void WaitUntilReady(std::chrono::microseconds at_most) {
		std::unique_lock<mutex> guard(lock);
		if (receiver && !ready(receiver)) {
			batch.wait_for(guard, at_most);
		}
	}

	// Lets the blocked pipelines go on.
	void Open() {
		duckdb::vector<InterruptState> pipelines;
		{
			lock_guard<mutex> guard(lock);
			pipelines.swap(blocked);
			opened++;
		}
		for (auto &pipeline : pipelines) {
			pipeline.Callback();
		}
	}

	// From now on the receiver is not touched.
	void Close() {
		std::unique_lock<mutex> guard(lock);
		left.wait(guard, [this]() { return users == 0; });
		receiver = nullptr;
		blocked.clear();
	}

	string error;

private:
	mutex lock;
	void *receiver;
	take_rows take;
	take_rows_of_part take_of_part;
	advance_parts advance;
	has_batch ready;
	duckdb::vector<InterruptState> blocked;
	// How often it was opened.
	idx_t opened = 0;
	// How many threads are in the receiver with rows of a part, and where they tell that they have left it.
	idx_t users = 0;
	std::condition_variable left;
	// Where it is told that the receiver took rows, which may have made a batch.
	std::condition_variable batch;
};

} // namespace pintail
