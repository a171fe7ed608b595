# clipdex in a container: docker build -t clipdex . && docker run -p 127.0.0.1:8080:8080 -v clipdex-data:/data clipdex
FROM debian:13
WORKDIR /clipdex
COPY packages.txt .
RUN apt-get update \
 && sed -e 's/#.*//' packages.txt | xargs env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release && cmake --build --preset release --target clipdex
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["/clipdex/build/release/clipdex"]
CMD ["serve", "--data", "/data", "--host", "0.0.0.0"]
