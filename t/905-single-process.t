# nginx in the foreground, as in containers, and as a single process.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;

my $holding = RustPageCache::Holding->start(dir => scratch);
my $mortal  = RustPageCache::Memcached->start(dir => scratch);
redis->set('/redis', "stored\n");

sub start ($main) {
    return nginx(
        foreground => 1,
        main       => $main,
        errors     => [$mortal->address],
        server     => <<"CONF",
    location / {
        rust_page_cache @{[$mortal->uri]} key=raw;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw;
    }
    location /hold {
        rust_page_cache @{[$holding->uri]} key=raw;
        rust_page_cache_timeout 30s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
}

my %main = (
    'daemon off'         => 'daemon off;',
    'master_process off' => 'daemon off; master_process off;',
);
for my $name (sort keys %main) {
    for my $signal ('QUIT', 'TERM') {
        my $nginx = start($main{$name});
        my $is_alone = $name =~ /master/;
        $mortal->set('/page', "stored\n");
        for my $page ('/page', '/redis') {
            is $nginx->get($page)->cache, 'HIT', "$name: $page";
        }
        is $nginx->get('/none')->body, "fallback\n", "$name: a miss";
        is scalar(() = $nginx->worker_pids), $is_alone ? 0 : 1, "$name: the processes";
        $mortal->stop;
        is $nginx->get('/page')->body, "fallback\n", "$name: the store is gone";
        $mortal->restart->set('/page', "stored\n");
        ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }), "$name: and back";

        # Some leave, some wait till the end.
        $holding->hold->forget;
        my @clients = map { $nginx->client->send(RustPageCache::Client::get("/hold/$_")) } 1 .. 20;
        ok wait_until(sub { $holding->asked >= 20 }), "$name: look-ups are under way";
        $_->abort for splice @clients, 10;
        is $nginx->get('/redis')->cache, 'HIT', "$name: nobody is held up";

        # A single process does not wait for anyone, as nginx has it.
        kill $signal, $nginx->pid;
        $holding->release if $signal eq 'QUIT' && !$is_alone;
        my @answers = grep { defined } map { $_->response } @clients;
        my $expected = $signal eq 'QUIT' && !$is_alone ? 10 : 0;
        is scalar @answers, $expected, "$name, $signal: $expected of those who wait are answered";
        $nginx->finish("$name, $signal");
    }
}

done_testing;
