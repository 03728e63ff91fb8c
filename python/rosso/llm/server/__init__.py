"""The HTTP server: three doors (OpenAI, Ollama, llama.cpp) to one engine."""
