"""How people name their columns, in the languages that they are likely to do it in; without accents, case and signs."""

import re
import unicodedata

STROKES = str.maketrans("łøđħı", "lodhi")


def plain_name(name: str) -> str:
    """A name without accents, case, spaces and signs: 'Código Artículo' -> 'codigoarticulo'."""
    spread = unicodedata.normalize("NFKD", str(name)).casefold().translate(STROKES)
    return "".join(c for c in spread if c.isalnum() and not unicodedata.combining(c))


def _words(text: str) -> frozenset[str]:
    return frozenset(map(plain_name, text.split()))


ID_WORDS = _words(
    "id ids uid uuid guid no nr num number nummer numero code codigo codice kode kod key index idx ref hash "
    "identifier identificador identifiant 编号 编码 番号 コード 번호 아이디 код номер ид артикул"
)
STRONG_ITEM_IDS = _words("sku asin isbn ean gtin upc imdbid tmdbid artnr artikelnr articul 商品id 物品id 视频id")
ITEMS = _words(
    "item items product products video videos movie movies film films track tracks song songs music artist book books "
    "article articles news story game games app post content media show series episode podcast recipe course listing "
    "restaurant business place hotel clip photo image document doc page ad offer "
    "artikel produkt produkte buch spiel lied werk beitrag ware titelid rezept "
    "article produit livre jeu morceau chanson oeuvre recette "
    "articulo producto libro juego cancion pelicula obra receta "
    "artigo produto livro jogo musica filme obra receita "
    "articolo prodotto libro gioco brano canzone ricetta "
    "product boek spel nummer artiest gerecht artikkel vare bok spill vara "
    "produkt ksiazka gra utwor towar przepis kniha hra zbozi urun kitap oyun "
    "товар продукт фильм книга песня статья видео игра "
    "商品 物品 产品 視頻 视频 电影 電影 影片 书籍 图书 歌曲 文章 游戏 作品 "
    "アイテム 動画 映画 本 曲 記事 ゲーム 상품 아이템 영화 동영상 도서 노래 게임 منتج عنصر פריט מוצר"
)
USERS = _words(
    "user users userid customer customers client member viewer visitor person people account profile reader listener "
    "player buyer subscriber guest session cookie device reviewer who "
    "benutzer nutzer kunde kunden person leser hoerer zuschauer spieler besucher konto mitglied gast "
    "utilisateur usager client acheteur lecteur membre abonne visiteur compte "
    "usuario cliente comprador lector miembro persona cuenta "
    "utilizador usuario assinante conta leitor "
    "utente cliente lettore abbonato "
    "gebruiker klant bruker kunde anvandare bruger kund lezer "
    "uzytkownik klient osoba uzivatel zakaznik kullanici musteri "
    "пользователь клиент покупатель читатель юзер "
    "用户 用戶 客户 会员 顾客 买家 ユーザー ユーザ 会員 顧客 사용자 회원 고객 مستخدم משתמש"
)
WEAK_USERS = _words("session cookie device account profile name person people who konto compte cuenta conta")
TITLES = _words(
    "title titles name names headline label caption subject itemname productname "
    "titel bezeichnung produktname name ueberschrift titre nom libelle intitule titulo nombre denominacion nome "
    "titolo denominazione naam benaming navn tittel namn rubrik tytul nazwa nazev titul ad baslik isim "
    "название заголовок наименование имя 标题 標題 名称 名稱 题目 名字 片名 书名 "
    "タイトル 題名 名前 商品名 제목 이름 상품명 عنوان שם כותרת"
)
TEXTS = _words(
    "text texts description descriptions desc summary abstract body content plot overview synopsis blurb about details "
    "genre genres category categories subcategory tag tags hashtag hashtags keyword keywords topic topics theme style "
    "type section department lyrics transcript ingredients "
    "beschreibung inhalt zusammenfassung kategorie kategorien schlagworte stichworte thema warengruppe rubrik gattung "
    "resume contenu categorie categories motscles theme rayon "
    "descripcion resumen contenido categoria categorias etiquetas genero palabrasclave tema "
    "descricao resumo conteudo etiqueta genero assunto descrizione riassunto contenuto etichette genere argomento "
    "beschrijving omschrijving samenvatting categorie trefwoorden beskrivelse beskrivning kategori emne amne "
    "opis kategoria gatunek tagi popis zanr aciklama kategori tur etiket "
    "описание текст категория жанр теги тема раздел "
    "描述 简介 簡介 内容 內容 分类 分類 类别 類別 类型 标签 標籤 关键词 摘要 主题 "
    "説明 内容 カテゴリ カテゴリー ジャンル タグ あらすじ 설명 내용 카테고리 장르 태그 وصف فئة תיאור קטגוריה"
)
VECTORS = _words(
    "vector vectors vec embedding embeddings emb embeds vektor vektoren vecteur vettore 向量 ベクトル 벡터 вектор"
)
NO_TEXT = _words(
    "url uri link image img poster thumbnail cover photo picture icon path file language lang locale country currency "
    "date time created updated released year price cost rating score votes status active flag color size isbn ean "
    "bild sprache land preis datum imagen idioma pais precio fecha langue prix image pochette lien immagine prezzo "
    "图片 链接 价格 日期 语言 画像 価格 日付 이미지 가격 날짜 цена дата ссылка язык картинка"
)
DATES = _words(
    "timestamp time times ts date datetime dt at when unix epoch created createdat eventtime viewedat watchedat "
    "clock day logged occurred moment "
    "datum zeit zeitpunkt zeitstempel uhrzeit wann heure horodatage quand fecha hora momento cuando "
    "data ora orario quando tijd tijdstip tid tidspunkt tidpunkt czas kiedy cas zaman tarih "
    "дата время когда 时间 時間 时间戳 日期 日時 日付 タイムスタンプ 시간 날짜 일시 تاريخ وقت תאריך זמן"
)
PLAIN_RATINGS = _words(
    "rating ratings stars bewertung bewertungen sterne etoiles puntuacion calificacion valoracion estrellas avaliacao "
    "estrelas valutazione stelle beoordeling sterren vurdering ocena oceny hodnoceni "
    "рейтинг оценка 评分 評分 打分 評価 평점 별점"
)
RATINGS = PLAIN_RATINGS | _words(
    "rate rated star score scores grade vote votes mark marks thumb thumbs overall liked "
    "note noten wertung evaluation nota voto cijfer karakter betyg puan 星级 スコア"
)
NO_RATINGS = _words(
    "avg average mean median count counts num number total sum helpful age content bit sample frame play playback"
)
ORDERS = _words(
    "seq sequence order position pos step rank ordinal sequenceno seqno rownum rownumber "
    "reihenfolge folge ordre rang orden secuencia ordem sequencia ordine sequenza volgorde rekkefolge ordning "
    "kolejnosc poradi sira порядок 顺序 順序 序号 序列 順番 순서 순번 ترتيب סדר"
)


def name_parts(name: str) -> list[str]:
    """The words of a name: 'movieId', 'movie_id' and 'Movie ID' all give movie, id."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", str(name))
    return [plain_name(part) for part in re.split(r"[\W_]+", split) if plain_name(part)]


def named_like(name: str, words: frozenset[str]) -> bool:
    """The whole name, the name without its id word, or one of its parts is among the words."""
    plain, parts = plain_name(name), name_parts(name)
    if plain in words or any(part in words for part in parts):
        return True
    return _without_id(plain) in words


def named_as_id(name: str) -> bool:
    plain = plain_name(name)
    return any(part in ID_WORDS for part in name_parts(name)) or _without_id(plain) != plain


def _without_id(plain: str) -> str:
    """'artikelnummer' -> 'artikel', 'idusuario' -> 'usuario', where what is left is a word that we know."""
    known = ITEMS | USERS
    for word in ID_WORDS:
        for rest in (plain.removesuffix(word), plain.removeprefix(word)):
            if rest != plain and rest in known:
                return rest
    return plain
