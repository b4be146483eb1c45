# plumbline-collector under many agents' batches, beside raw SQLite in the same run.
add_executable(bench_collector_ingest collector_ingest.cpp ${CMAKE_SOURCE_DIR}/tests/unit/collector/client.cpp)
target_link_libraries(bench_collector_ingest PRIVATE plumbline_flags PkgConfig::SQLITE PkgConfig::ZSTD
  nlohmann_json::nlohmann_json Threads::Threads)
target_compile_definitions(bench_collector_ingest PRIVATE COLLECTOR_BINARY="$<TARGET_FILE:plumbline-collector>")
add_dependencies(bench_collector_ingest plumbline-collector)
