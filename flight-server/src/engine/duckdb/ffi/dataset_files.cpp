// The files of datasets as DuckDB sees them: paths `dataset://<name>/<path>` in its virtual file system.
//
// They are listed and read by the server, which alone has the credentials; DuckDB's own remote file systems are not used.
// A file of this machine is opened by DuckDB itself, at the path the server tells.

#include "duckdb/common/file_opener.hpp"
#include "duckdb/common/file_system.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/database.hpp"

namespace {

using namespace duckdb;

const char *const PREFIX = "dataset://";

} // namespace

extern "C" {

// What is known of an open file.
struct pintail_dataset_file {
	uint64_t size;
	int64_t modified_micros;
	// Whether DuckDB opens it itself, at the path that was told.
	bool local;
};

typedef bool (*pintail_is_interrupted)(void *context);
typedef void (*pintail_add_file)(void *target, const char *path, size_t path_length, uint64_t size,
                                 int64_t modified_micros, const char *version, size_t version_length, bool local);

// The server's side. Every text is told by `pintail_text_set`; `failure` gets one when a call fails, unless it was
// interrupted.
struct pintail_dataset_calls {
	void *registry;
	// The open file, or null. `text` gets the path of a local file, else the version of the file.
	void *(*open)(void *registry, const char *path, size_t path_length, pintail_is_interrupted interrupted,
	              void *context, pintail_dataset_file *file, void *text, void *failure);
	// Fills the buffer, and tells whether it could.
	bool (*read)(void *file, uint64_t offset, void *buffer, size_t length, pintail_is_interrupted interrupted,
	             void *context, void *failure);
	void (*close)(void *file);
	// Tells the files that match a pattern, and whether it could.
	bool (*glob)(void *registry, const char *pattern, size_t pattern_length, pintail_is_interrupted interrupted,
	             void *context, pintail_add_file add, void *target, void *failure);
	void (*drop)(void *registry);
};

void pintail_text_set(void *target, const char *text, size_t length) {
	static_cast<std::string *>(target)->assign(text, length);
}
}

namespace {

bool IsInterrupted(void *context) {
	return context && static_cast<ClientContext *>(context)->IsInterrupted();
}

[[noreturn]] void Fail(const string &failure) {
	if (failure.empty()) {
		throw InterruptException();
	}
	throw IOException(failure);
}

class DatasetFileHandle : public FileHandle {
public:
	DatasetFileHandle(FileSystem &system, const string &path, FileOpenFlags flags, const pintail_dataset_calls &calls,
	                  void *file, const pintail_dataset_file &known, string version,
	                  weak_ptr<ClientContext> context)
	    : FileHandle(system, path, flags), calls(calls), file(file), known(known), version(std::move(version)),
	      context(std::move(context)) {
	}

	~DatasetFileHandle() override {
		Close();
	}

	void Close() override {
		if (file) {
			calls.close(file);
			file = nullptr;
		}
	}

	void ReadAt(void *buffer, idx_t length, idx_t offset) {
		if (!file) {
			throw IOException("the file is closed");
		}
		auto held = context.lock();
		string failure;
		if (!calls.read(file, offset, buffer, length, IsInterrupted, held.get(), &failure)) {
			Fail(failure);
		}
	}

	const pintail_dataset_calls &calls;
	void *file;
	pintail_dataset_file known;
	string version;
	weak_ptr<ClientContext> context;
	idx_t position = 0;
};

class DatasetFileSystem : public FileSystem {
public:
	explicit DatasetFileSystem(const pintail_dataset_calls &calls) : calls(calls), local(FileSystem::CreateLocal()) {
	}

	~DatasetFileSystem() override {
		calls.drop(calls.registry);
	}

	bool CanHandleFile(const string &path) override {
		return StringUtil::StartsWith(path, PREFIX);
	}

	unique_ptr<FileHandle> OpenFile(const string &path, FileOpenFlags flags,
	                                optional_ptr<FileOpener> opener) override {
		if (flags.OpenForWriting()) {
			throw PermissionException("the files of datasets can't be written");
		}
		auto context = FileOpener::TryGetClientContext(opener);
		pintail_dataset_file known;
		string text, failure;
		auto file = calls.open(calls.registry, path.data(), path.size(), IsInterrupted, context.get(), &known, &text,
		                       &failure);
		if (!file) {
			if (flags.ReturnNullIfNotExists()) {
				return nullptr;
			}
			Fail(failure);
		}
		if (known.local) {
			calls.close(file);
			return local->OpenFile(text, flags, opener);
		}
		weak_ptr<ClientContext> weak;
		if (context) {
			weak = context->shared_from_this();
		}
		return make_uniq<DatasetFileHandle>(*this, path, flags, calls, file, known, std::move(text), std::move(weak));
	}

	void Read(FileHandle &handle, void *buffer, int64_t length, idx_t location) override {
		handle.Cast<DatasetFileHandle>().ReadAt(buffer, UnsafeNumericCast<idx_t>(length), location);
	}

	int64_t Read(FileHandle &handle, void *buffer, int64_t length) override {
		auto &file = handle.Cast<DatasetFileHandle>();
		auto left = file.position < file.known.size ? file.known.size - file.position : 0;
		auto taken = MinValue<idx_t>(left, UnsafeNumericCast<idx_t>(length));
		if (taken > 0) {
			file.ReadAt(buffer, taken, file.position);
			file.position += taken;
		}
		return UnsafeNumericCast<int64_t>(taken);
	}

	int64_t GetFileSize(FileHandle &handle) override {
		return UnsafeNumericCast<int64_t>(handle.Cast<DatasetFileHandle>().known.size);
	}

	timestamp_t GetLastModifiedTime(FileHandle &handle) override {
		return timestamp_t(handle.Cast<DatasetFileHandle>().known.modified_micros);
	}

	string GetVersionTag(FileHandle &handle) override {
		return handle.Cast<DatasetFileHandle>().version;
	}

	FileType GetFileType(FileHandle &handle) override {
		return FileType::FILE_TYPE_REGULAR;
	}

	FileMetadata Stats(FileHandle &handle) override {
		FileMetadata metadata;
		metadata.file_size = GetFileSize(handle);
		metadata.last_modification_time = GetLastModifiedTime(handle);
		metadata.file_type = FileType::FILE_TYPE_REGULAR;
		return metadata;
	}

	bool FileExists(const string &path, optional_ptr<FileOpener> opener) override {
		FileOpenFlags flags = FileFlags::FILE_FLAGS_READ;
		flags |= FileFlags::FILE_FLAGS_NULL_IF_NOT_EXISTS;
		return OpenFile(path, flags, opener) != nullptr;
	}

	bool IsPipe(const string &path, optional_ptr<FileOpener> opener) override {
		return false;
	}

	bool DirectoryExists(const string &path, optional_ptr<FileOpener> opener) override {
		return false;
	}

	duckdb::vector<OpenFileInfo> Glob(const string &pattern, FileOpener *opener) override {
		auto context = FileOpener::TryGetClientContext(opener);
		duckdb::vector<OpenFileInfo> files;
		string failure;
		if (!calls.glob(calls.registry, pattern.data(), pattern.size(), IsInterrupted, context.get(), Add, &files,
		                &failure)) {
			Fail(failure);
		}
		return files;
	}

	void Seek(FileHandle &handle, idx_t location) override {
		handle.Cast<DatasetFileHandle>().position = location;
	}

	idx_t SeekPosition(FileHandle &handle) override {
		return handle.Cast<DatasetFileHandle>().position;
	}

	bool CanSeek() override {
		return true;
	}

	bool OnDiskFile(FileHandle &handle) override {
		return false;
	}

	string PathSeparator(const string &path) override {
		return "/";
	}

	// A path with `..` stays what it is: it is no file of a dataset.
	string CanonicalizePath(const string &path, optional_ptr<FileOpener> opener) override {
		return path;
	}

	string GetName() const override {
		return "DatasetFileSystem";
	}

protected:
	unique_ptr<FileHandle> OpenFileExtended(const OpenFileInfo &file, FileOpenFlags flags,
	                                        optional_ptr<FileOpener> opener) override {
		return OpenFile(file.path, flags, opener);
	}

	bool SupportsOpenFileExtended() const override {
		return true;
	}

private:
	// What is known of a file goes with it, so that a copy of it in a cache is found valid without asking for it again.
	// DuckDB tells a local file's version in its own way.
	static void Add(void *target, const char *path, size_t path_length, uint64_t size, int64_t modified_micros,
	                const char *version, size_t version_length, bool local) {
		OpenFileInfo info(string(path, path_length));
		info.extended_info = make_shared_ptr<ExtendedOpenFileInfo>();
		auto &options = info.extended_info->options;
		options.emplace("type", Value("file"));
		options.emplace("file_size", Value::BIGINT(UnsafeNumericCast<int64_t>(size)));
		if (!local) {
			options.emplace("last_modified", Value::TIMESTAMP(timestamp_t(modified_micros)));
			options.emplace("etag", Value::BLOB_RAW(string(version, version_length)));
		}
		static_cast<duckdb::vector<OpenFileInfo> *>(target)->push_back(std::move(info));
	}

	pintail_dataset_calls calls;
	unique_ptr<FileSystem> local;
};

} // namespace

extern "C" {

// Makes the files of datasets known to a database, which drops the registry when it is closed; when this fails, it has
// been dropped.
bool pintail_dataset_files_register(duckdb_database database, const pintail_dataset_calls *calls) {
	try {
		auto system = make_uniq<DatasetFileSystem>(*calls);
		auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
		instance.GetFileSystem().RegisterSubSystem(std::move(system));
		return true;
	} catch (...) {
		return false;
	}
}
}
